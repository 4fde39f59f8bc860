// What Go's crypto/x509 and golang.org/x/crypto/ssh make of documents: a line of standard
// input is `certificate`, `crl` or `ssh` and the whole document in hex; the answer is a line
// of JSON, {"refused": why} or its facts, named as in facts.c. `make COUNT` makes certificates.
package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	mathrand "math/rand"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

type facts map[string]interface{}

func attributes(raw []byte) ([][2]string, error) {
	list := [][2]string{}
	var name pkix.RDNSequence
	rest, err := asn1.Unmarshal(raw, &name)
	if err != nil || len(rest) != 0 {
		return nil, fmt.Errorf("name: %v", err)
	}
	for _, set := range name {
		for _, attribute := range set {
			list = append(list, [2]string{attribute.Type.String(), fmt.Sprint(attribute.Value)})
		}
	}
	return list, nil
}

// URIs as they stand: url.URL writes them in its own way.
func uris(c *x509.Certificate) []string {
	list := []string{}
	for _, extension := range c.Extensions {
		if extension.Id.String() != "2.5.29.17" {
			continue
		}
		var names, name asn1.RawValue
		rest, err := asn1.Unmarshal(extension.Value, &names)
		for rest = names.Bytes; err == nil && len(rest) > 0; {
			if rest, err = asn1.Unmarshal(rest, &name); err == nil && name.Tag == 6 {
				list = append(list, "uri:"+string(name.Bytes))
			}
		}
	}
	return list
}

func alternativeNames(c *x509.Certificate) []string {
	list := []string{}
	for _, name := range c.DNSNames {
		list = append(list, "dns:"+name)
	}
	for _, name := range c.EmailAddresses {
		list = append(list, "email:"+name)
	}
	list = append(list, uris(c)...)
	for _, address := range c.IPAddresses {
		list = append(list, "ip:"+hex.EncodeToString(address))
	}
	return list
}

func keyUsage(usage x509.KeyUsage) int {
	bits := 0
	for i := 0; i < 8; i++ {
		if usage&(1<<uint(i)) != 0 {
			bits |= 0x80 >> uint(i)
		}
	}
	return bits
}

func extendedKeyUsage(c *x509.Certificate) int {
	bits := 0
	for _, usage := range c.ExtKeyUsage {
		switch usage {
		case x509.ExtKeyUsageServerAuth:
			bits |= 1
		case x509.ExtKeyUsageClientAuth:
			bits |= 2
		default:
			bits |= 4
		}
	}
	if len(c.UnknownExtKeyUsage) > 0 {
		bits |= 4
	}
	return bits
}

func certificate(der []byte) (facts, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if len(c.UnhandledCriticalExtensions) > 0 {
		return nil, fmt.Errorf("unhandled critical extension")
	}
	issuer, err := attributes(c.RawIssuer)
	if err != nil {
		return nil, err
	}
	subject, err := attributes(c.RawSubject)
	if err != nil {
		return nil, err
	}
	pathLength := c.MaxPathLen
	if pathLength == 0 && !c.MaxPathLenZero {
		pathLength = -1
	}
	return facts{
		"serial":             fmt.Sprintf("%x", c.SerialNumber),
		"issuer":             issuer,
		"subject":            subject,
		"not_before":         c.NotBefore.Unix(),
		"not_after":          c.NotAfter.Unix(),
		"key":                hex.EncodeToString(c.RawSubjectPublicKeyInfo),
		"key_usage":          keyUsage(c.KeyUsage),
		"extended_key_usage": extendedKeyUsage(c),
		"is_ca":              c.IsCA,
		"path_length":        pathLength,
		"subject_key_id":     hex.EncodeToString(c.SubjectKeyId),
		"authority_key_id":   hex.EncodeToString(c.AuthorityKeyId),
		"alt_names":          alternativeNames(c),
		"crl_url":            strings.Join(c.CRLDistributionPoints, " "),
	}, nil
}

func crl(der []byte) (facts, error) {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, err
	}
	issuer, err := attributes(list.RawIssuer)
	if err != nil {
		return nil, err
	}
	revoked := []facts{}
	for _, entry := range list.RevokedCertificates {
		revoked = append(revoked, facts{
			"serial": fmt.Sprintf("%x", entry.SerialNumber),
			"date":   entry.RevocationTime.Unix(),
		})
	}
	return facts{
		"issuer":           issuer,
		"not_before":       list.ThisUpdate.Unix(),
		"not_after":        list.NextUpdate.Unix(),
		"number":           list.Number.Int64(),
		"authority_key_id": hex.EncodeToString(list.AuthorityKeyId),
		"revoked":          revoked,
	}, nil
}

func options(list map[string]string) map[string]string {
	if list == nil {
		return map[string]string{}
	}
	return list
}

func sshCertificate(blob []byte) (facts, error) {
	key, err := ssh.ParsePublicKey(blob)
	if err != nil {
		return nil, err
	}
	c, isCertificate := key.(*ssh.Certificate)
	if !isCertificate {
		return nil, fmt.Errorf("not a certificate")
	}
	principals := c.ValidPrincipals
	if principals == nil {
		principals = []string{}
	}
	return facts{
		"key":              hex.EncodeToString(c.Key.Marshal()),
		"serial":           fmt.Sprint(c.Serial),
		"type":             c.CertType,
		"key_id":           c.KeyId,
		"principals":       principals,
		"valid_after":      fmt.Sprint(c.ValidAfter),
		"valid_before":     fmt.Sprint(c.ValidBefore),
		"critical_options": options(c.CriticalOptions),
		"extensions":       options(c.Extensions),
		"signature_key":    hex.EncodeToString(c.SignatureKey.Marshal()),
	}, nil
}

// Certificates as Go makes them, by its own CA: that one first.
func makeCertificates(count int) error {
	random := mathrand.New(mathrand.NewSource(1))
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial := new(big.Int).Lsh(big.NewInt(0x4142), 112)
	name := pkix.Name{Organization: []string{"example.com"}, CommonName: "example.com",
		SerialNumber: serial.String()}
	start := time.Now().Add(-time.Minute)
	authority := &x509.Certificate{SerialNumber: serial, Subject: name, NotBefore: start,
		NotAfter: start.Add(10 * 365 * 24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment |
			x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	der, err := x509.CreateCertificate(rand.Reader, authority, authority, &authorityKey.PublicKey, authorityKey)
	if err != nil {
		return err
	}
	fmt.Println(hex.EncodeToString(der))
	if authority, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	for i := 0; i < count; i++ {
		var public interface{} = &rsaKey.PublicKey
		switch i % 5 {
		case 1, 2, 3:
			curve := []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()}[i%5-1]
			key, err := ecdsa.GenerateKey(curve, rand.Reader)
			if err != nil {
				return err
			}
			public = &key.PublicKey
		case 4:
			if public, _, err = ed25519.GenerateKey(rand.Reader); err != nil {
				return err
			}
		}
		leaf := &x509.Certificate{
			SerialNumber: new(big.Int).Add(big.NewInt(1), new(big.Int).Rand(random, serial)),
			Subject:      pkix.Name{CommonName: fmt.Sprintf("user-%d@example.com", i)},
			NotBefore:    start, NotAfter: start.Add(time.Duration(1+random.Intn(30*365*24)) * time.Hour),
			KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
			ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}[random.Intn(2):],
			BasicConstraintsValid: true,
		}
		if leaf.NotAfter.After(authority.NotAfter) && i%2 == 0 {
			leaf.NotAfter = authority.NotAfter
		}
		if i%2 == 0 {
			leaf.Subject.Organization = []string{"access", "editor", "J\u00fcrgen"}[:1+i%3]
		}
		if i%3 == 0 {
			leaf.Subject.OrganizationalUnit = []string{"usage:kube"}
			leaf.Subject.Locality = []string{"root", "deploy"}
			leaf.Subject.StreetAddress = []string{"leaf"}
			leaf.Subject.PostalCode = []string{`{"logins":["root"]}`}
			leaf.Subject.ExtraNames = []pkix.AttributeTypeAndValue{
				{Type: asn1.ObjectIdentifier{1, 3, 9999, 1, 7}, Value: "example.com"}}
		}
		if i%4 == 1 {
			leaf.DNSNames = []string{"web.example.com", "*.example.com"}
			leaf.IPAddresses = []net.IP{net.IPv4(10, 0, 0, byte(i)).To4(), net.ParseIP("2001:db8::1")}
		}
		if i%4 == 2 {
			leaf.EmailAddresses = []string{"alice@example.com"}
			leaf.URIs = []*url.URL{{Scheme: "spiffe", Host: "example.com", Path: "/svc"}}
		}
		if i%5 == 2 {
			leaf.CRLDistributionPoints = []string{"http://crl.example.com/x"}
		}
		der, err := x509.CreateCertificate(rand.Reader, leaf, authority, public, authorityKey)
		if err != nil {
			return err
		}
		fmt.Println(hex.EncodeToString(der))
	}
	return nil
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "make" {
		count, err := strconv.Atoi(os.Args[2])
		if err == nil {
			err = makeCertificates(count)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	readers := map[string]func([]byte) (facts, error){
		"certificate": certificate, "crl": crl, "ssh": sshCertificate,
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 0, 1<<16), 1<<20)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		document, err := hex.DecodeString(words[1])
		var found facts
		if err == nil {
			found, err = readers[words[0]](document)
		}
		if err != nil {
			found = facts{"refused": err.Error()}
		}
		line, err := json.Marshal(found)
		if err != nil {
			line, _ = json.Marshal(facts{"refused": err.Error()})
		}
		fmt.Println(string(line))
	}
}
