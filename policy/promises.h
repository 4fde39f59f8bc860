/*
 * What a permit promises, said once more in the prover's language and over the bare
 * facts: none of it calls the code that it is about. `make prove` shows, from
 * policy_check() down, that it permits only where promised() holds; tests/prove names
 * what it takes on trust for that. policy.h includes this behind the structures.
 *
 * Which line of the policy permitted is promised_rule() (rules.h).
 *
 * Tested alone, and no part of either:
 * - the record's line holds it all: of record.c is proved that a string is in the line
 *   whole, escaped, or the line says that it did not fit, not that each value is written
 * - that the rules are asked for each value of a document beside the key id and SSH's
 *   principals: of all that they are asked for, rules.c shows that each lies within what
 *   the permitting line names
 * - that what a line requires is there, and that no earlier line decides
 */
#ifndef POLICY_PROMISES_H
#define POLICY_PROMISES_H

#include "policy/ssh_certificate.h"
#include "policy/teleport.h"
#include "policy/x509_words.h"

/*@ predicate issuer_readable{L}(struct issuer *i) =
      facts_slice(i->public_key, i->public_key_length) &&
      facts_slice(i->name, i->name_length) && facts_slice(i->key_id, i->key_id_length) &&
      facts_slice(i->ca_keys, i->ca_keys_length);

    // Which CA's key signs which document, and of which of its keys.
    predicate promised_ca{L}(struct issuer *i, struct request *r) =
      (r->document == DOCUMENT_SSH_USER && i->purpose == PURPOSE_SSH &&
        (i->ca == CA_USER || i->ca == CA_OPENSSH)) ||
      (r->document == DOCUMENT_SSH_HOST && i->purpose == PURPOSE_SSH && i->ca == CA_HOST) ||
      (r->document == DOCUMENT_X509_USER && i->purpose == PURPOSE_TLS && i->ca == CA_USER) ||
      (r->document == DOCUMENT_X509_HOST && i->purpose == PURPOSE_TLS && i->ca == CA_HOST);

    // The CA's public key is of the kind that its private key is.
    predicate promised_issuer_key{L}(struct issuer *i) =
      blob_named(i->public_key, i->key_kind);

    predicate promised_type{L}(struct request *r, struct facts *f) =
      f->ssh_type == (r->document == DOCUMENT_SSH_HOST ? 2 : 1);

    // The signature key is this CA's.
    predicate promised_signer{L}(struct issuer *i, struct facts *f) =
      f->signature_key_length == i->public_key_length > 0 &&
      bytes_equal(f->signature_key, i->public_key, i->public_key_length);

    // Begins within five minutes back and one ahead, ends after it began and not after
    // the CA. Only the worker's own question for a ttl goes without.
    predicate promised_validity{L}(struct issuer *i, struct request *r, integer start,
      integer end) =
      !r->ignore_ttl ==> r->now - 300 <= start <= r->now + 60 &&
        start < end <= i->not_after && 0 <= r->now - 300;

    // RSA of 2048 to 16384 bits with odd modulus and exponent, the latter above 65536.
    predicate promised_rsa{L}(struct facts *f) =
      256 <= f->subject_key_length <= 2048 && f->subject_key[0] > 0 &&
      (f->subject_key_length == 256 ==> f->subject_key[0] >= 0x80) &&
      f->subject_key[f->subject_key_length - 1] % 2 == 1 &&
      3 <= f->subject_exponent_length <= 8 &&
      !(\forall integer k; 0 <= k < f->subject_exponent_length - 2 ==>
        f->subject_exponent[k] == 0) &&
      f->subject_exponent[f->subject_exponent_length - 1] % 2 == 1;

    // y of four words from the lowest; its highest bit is the sign of x.
    predicate point{L}(uint8_t *y, integer a, integer b, integer c, integer d) =
      bytes_number(y) == a && bytes_number(y + 8) == b && bytes_number(y + 16) == c &&
      (bytes_number(y + 24) == d || bytes_number(y + 24) == d + 0x8000000000000000);

    // The points of order 4, 1 and 2, which have y 0, 1 and -1, and those of order 8.
    predicate small_order{L}(uint8_t *y) =
      point(y, 0, 0, 0, 0) || point(y, 1, 0, 0, 0) ||
      point(y, 0xffffffffffffffec, 0xffffffffffffffff, 0xffffffffffffffff,
        0x7fffffffffffffff) ||
      point(y, 0xb027b2c28f95e826, 0xf098eff289f4c345, 0x3933c6d305acdfd5,
        0x05fc536d880238b1) ||
      point(y, 0x4fd84d3d706a17c7, 0x0f67100d760b3cba, 0xc6cc392cfa53202a,
        0x7a03ac9277fdc74e);

    // Ed25519 below 2^255 - 19, and no point of small order.
    predicate promised_ed25519{L}(struct facts *f) =
      f->subject_key_length == 32 &&
      !(f->subject_key[31] % 128 == 127 && f->subject_key[0] >= 0xed &&
        (\forall integer k; 1 <= k < 31 ==> f->subject_key[k] == 0xff)) &&
      !small_order(f->subject_key);

    predicate promised_key{L}(struct facts *f) =
      KEY_RSA <= f->subject_kind < KEY_KIND_COUNT &&
      (f->subject_kind == KEY_RSA ==> promised_rsa(f)) &&
      (f->subject_kind == KEY_ED25519 ==> promised_ed25519(f));

    // Of a packed list, the blob from `from` to `to` holds another key.
    predicate other_key_between{L}(uint8_t *list, integer from, integer to, integer kind,
      uint8_t *key, integer length) =
      to == from + 4 + packed_length(list + from) &&
      !blob_holds(list + (from + 4), to - from - 4, kind, key, length);

    // And each blob that lies before `to`: the least predicate of which this is true.
    axiomatic OtherKeys {
      predicate other_keys{L}(uint8_t *list, integer to, integer kind, uint8_t *key,
        integer length)
        reads list[0 .. to - 1], key[0 .. length - 1];
      axiom no_key{L}:
        \forall uint8_t *list, integer kind, uint8_t *key, integer length;
        other_keys(list, 0, kind, key, length);
      axiom one_more_key{L}:
        \forall uint8_t *list, integer from, integer to, integer kind, uint8_t *key,
        integer length; other_keys(list, from, kind, key, length) ==>
        other_key_between(list, from, to, kind, key, length) ==>
        other_keys(list, to, kind, key, length);
    }

    // The subject's key is none of this host's CA keys, nor the one that signs.
    predicate promised_no_ca{L}(struct issuer *i, struct facts *f) =
      !blob_holds(i->public_key, i->public_key_length, f->subject_kind, f->subject_key,
        f->subject_key_length) &&
      other_keys(i->ca_keys, i->ca_keys_length, f->subject_kind, f->subject_key,
        f->subject_key_length);

    // 1 to 255 bytes of visible ASCII without what OpenSSH's lists of names read.
    predicate plain_principal{L}(uint8_t *at, integer length) =
      1 <= length <= 255 && bytes_visible(at, length) &&
      (\forall integer k; 0 <= k < length ==>
        at[k] != '*' && at[k] != '?' && at[k] != '!' && at[k] != ',');

    // Of a packed list, the string that lies from `from` to `to`.
    predicate principal_between{L}(uint8_t *list, integer from, integer to) =
      to == from + 4 + packed_length(list + from) &&
      plain_principal(list + (from + 4), to - from - 4);

    // And every string that lies before `to`, as many as `count`: the least predicate of
    // which this is true.
    axiomatic PlainPrincipals {
      predicate plain_principals{L}(uint8_t *list, integer to, integer count)
        reads list[0 .. to - 1];
      axiom none{L}:
        \forall uint8_t *list; plain_principals(list, 0, 0);
      axiom one_more{L}:
        \forall uint8_t *list, integer from, integer to, integer count;
        plain_principals(list, from, count) ==> principal_between(list, from, to) ==>
        plain_principals(list, to, count + 1);
    }

    // At least one.
    predicate promised_principals{L}(struct facts *f) =
      \exists integer count; 1 <= count <= 256 &&
        plain_principals(f->principals, f->principals_length, count);

    predicate promised_key_id{L}(struct facts *f) =
      f->key_id_length <= 1024 && printable(f->key_id, f->key_id_length);

    predicate begins_permit{L}(uint8_t *name) =
      name[0] == 'p' && name[1] == 'e' && name[2] == 'r' && name[3] == 'm' &&
      name[4] == 'i' && name[5] == 't' && name[6] == '-';

    // A name of visible ASCII, no value where it begins with permit-, and of an extension
    // of Teleport's one in that form (teleport.h).
    predicate sound_option{L}(integer fact, uint8_t *name, integer length, uint8_t *value,
      integer value_length) =
      length > 0 && bytes_visible(name, length) &&
      (length >= 7 && begins_permit(name) ==> value_length == 0) &&
      (fact == FACT_EXTENSIONS && names_roles(name, length) ==>
        value_length > 0 && teleport_form(FACT_ROLES, value, value_length)) &&
      (fact == FACT_EXTENSIONS && names_traits(name, length) ==>
        value_length > 0 && teleport_form(FACT_TRAITS, value, value_length));

    // Its value is packed once more, if there is one.
    predicate option_of{L}(integer fact, uint8_t *name, integer length, uint8_t *packed) =
      packed_length(packed) == 0 ? sound_option(fact, name, length, packed, 0)
        : packed_length(packed) == 4 + packed_length(packed + 4) &&
          sound_option(fact, name, length, packed + 8, packed_length(packed + 4));

    // Of a packed list, the option that lies from `from` to `to`.
    predicate option_between{L}(integer fact, uint8_t *list, integer from, integer to) =
      to == from + 8 + packed_length(list + from) +
        packed_length(list + (from + 4 + packed_length(list + from))) &&
      option_of(fact, list + (from + 4), packed_length(list + from),
        list + (from + 4 + packed_length(list + from)));

    // Of a packed list, the name at `last` comes before the one at `from`.
    predicate names_ascend{L}(uint8_t *list, integer last, integer from) =
      comes_before(list + (last + 4), packed_length(list + last),
        list + (from + 4), packed_length(list + from));

    // And every option that lies before `to`, as many as `count`, the last of them at
    // `last`, no name before or at the one that it follows: the least predicate of which
    // this is true.
    axiomatic SoundOptions {
      predicate sound_options{L}(integer fact, uint8_t *list, integer last,
        integer to, integer count)
        reads list[0 .. to - 1];
      axiom no_option{L}:
        \forall integer fact, uint8_t *list; sound_options(fact, list, 0, 0, 0);
      axiom one_more_option{L}:
        \forall integer fact, uint8_t *list, integer last, integer from, integer to,
        integer count; sound_options(fact, list, last, from, count) ==>
        option_between(fact, list, from, to) ==>
        count == 0 || names_ascend(list, last, from) ==>
        sound_options(fact, list, from, to, count + 1);
    }
    predicate sound_option_list{L}(integer fact, uint8_t *list, integer length) =
      \exists integer last, count; count <= 256 &&
        sound_options(fact, list, last, length, count);

    predicate promised_options{L}(struct facts *f) =
      sound_option_list(FACT_CRITICAL_OPTIONS, f->critical_options,
        f->critical_options_length) &&
      sound_option_list(FACT_EXTENSIONS, f->extensions, f->extensions_length);

    predicate promised_ssh{L}(struct issuer *i, struct request *r, struct facts *f) =
      promised_type(r, f) && promised_signer(i, f) && promised_issuer_key(i) &&
      f->serial == 0 && promised_no_ca(i, f) &&
      promised_validity(i, r, f->valid_after, f->valid_before) && promised_key(f) &&
      promised_principals(f) && promised_key_id(f) && promised_options(f);

    // The algorithm that the CA's key signs with.
    predicate promised_algorithm{L}(struct issuer *i, struct facts *f) =
      (i->key_kind == KEY_RSA && f->x509_signature == X509_RSA_SHA256) ||
      (i->key_kind == KEY_P256 && f->x509_signature == X509_ECDSA_SHA256) ||
      (i->key_kind == KEY_P384 && f->x509_signature == X509_ECDSA_SHA384) ||
      (i->key_kind == KEY_P521 && f->x509_signature == X509_ECDSA_SHA512) ||
      (i->key_kind == KEY_ED25519 && f->x509_signature == X509_ED25519);

    // Issuer and authority key identifier are those of the CA's certificate.
    predicate promised_issuer{L}(struct issuer *i, struct facts *f) =
      f->x509_issuer_length == i->name_length > 0 &&
      bytes_equal(f->x509_issuer, i->name, i->name_length) &&
      f->x509_authority_key_id_length == i->key_id_length > 0 &&
      bytes_equal(f->x509_authority_key_id, i->key_id, i->key_id_length);

    predicate promised_unstamped{L}(struct facts *f) =
      f->x509_serial_length == 16 &&
      (\forall integer k; 0 <= k < 16 ==> f->x509_serial[k] == 0);

    // No CA's certificate, and nothing that only these have.
    predicate promised_leaf{L}(struct facts *f) =
      !f->x509_is_ca && !f->x509_path_limited && f->x509_subject_key_id_length == 0 &&
      f->x509_crl_url_length == 0;

    // digitalSignature and keyEncipherment, serverAuth and clientAuth, none besides.
    predicate promised_usage{L}(struct facts *f) =
      f->x509_key_usage == 0xa0 && f->x509_extended_key_usage == 3;

    predicate is_a_digit(integer c) = '0' <= c <= '9';
    predicate is_a_letter(integer c) = 'a' <= c <= 'z' || 'A' <= c <= 'Z';

    // Of a host's name: 1 to 63 letters, digits and hyphens, the latter not at an end.
    predicate label{L}(uint8_t *at, integer length) =
      1 <= length <= 63 && at[0] != '-' && at[length - 1] != '-' &&
      (\forall integer k; 0 <= k < length ==>
        is_a_letter(at[k]) || is_a_digit(at[k]) || at[k] == '-');

    predicate digits{L}(uint8_t *at, integer length) =
      \forall integer k; 0 <= k < length ==> is_a_digit(at[k]);

    // Labels that each end in a dot; and of at most 253 bytes such ones and one behind
    // them that is no number. The least predicates of which this is true.
    axiomatic HostNames {
      predicate labels{L}(uint8_t *name, integer to)
        reads name[0 .. to - 1];
      axiom no_label{L}:
        \forall uint8_t *name; labels(name, 0);
      axiom one_more_label{L}:
        \forall uint8_t *name, integer at, integer length; labels(name, at) ==>
        label(name + at, length) ==> name[at + length] == '.' ==>
        labels(name, at + length + 1);
      predicate host_name{L}(uint8_t *name, integer length)
        reads name[0 .. length - 1];
      axiom last_label{L}:
        \forall uint8_t *name, integer at, integer length; labels(name, at) ==>
        label(name + at, length) ==> !digits(name + at, length) ==>
        at + length <= 253 ==> host_name(name, at + length);
    }

    predicate dns_name{L}(uint8_t *name, integer length) =
      length <= 253 &&
      (\forall integer k; 0 <= k < length ==> !('A' <= name[k] <= 'Z')) &&
      (host_name(name, length) ||
        (length >= 2 && name[0] == '*' && name[1] == '.' &&
          host_name(name + 2, length - 2)));

    // IPv4, or IPv6 that no IPv4 address is mapped into.
    predicate address{L}(uint8_t *at, integer length) =
      length == 4 || (length == 16 && !(at[10] == 0xff && at[11] == 0xff &&
        (\forall integer k; 0 <= k < 10 ==> at[k] == 0)));

    predicate uri_byte(integer c) =
      0x20 < c < 0x7f && c != '"' && c != '<' && c != '>' && c != '\\' && c != '^' &&
      c != '`' && c != '{' && c != '|' && c != '}';
    predicate hex_digit(integer c) =
      is_a_digit(c) || 'a' <= c <= 'f' || 'A' <= c <= 'F';
    predicate uri_scheme{L}(uint8_t *uri, integer length) =
      is_a_letter(uri[0]) && uri[length] == ':' &&
      (\forall integer k; 0 <= k < length ==> is_a_letter(uri[k]) ||
        is_a_digit(uri[k]) || uri[k] == '+' || uri[k] == '-' || uri[k] == '.');
    predicate uri_text{L}(uint8_t *at, integer length) =
      (\forall integer k; 0 <= k < length ==> uri_byte(at[k])) &&
      (\forall integer k; 0 <= k < length && at[k] == '%' ==>
        k + 2 < length && hex_digit(at[k + 1]) && hex_digit(at[k + 2]));

    // The scheme of SPIFFE, whose names only x509-svid has; in either case.
    predicate either_case(integer c, integer lower) = c == lower || c == lower - 32;
    predicate spiffe{L}(uint8_t *scheme, integer length) =
      length == 6 && either_case(scheme[0], 's') && either_case(scheme[1], 'p') &&
      either_case(scheme[2], 'i') && either_case(scheme[3], 'f') &&
      either_case(scheme[4], 'f') && either_case(scheme[5], 'e');

    // A host's name, which may be empty, or an address in brackets; and perhaps a port.
    predicate host_byte(integer c) = is_a_letter(c) || is_a_digit(c) || c == '-' ||
      c == '.' || c == '_' || c == '~';
    predicate literal_byte(integer c) = hex_digit(c) || c == ':' || c == '.';
    predicate uri_host{L}(uint8_t *at, integer length) =
      (\forall integer k; 0 <= k < length ==> host_byte(at[k])) ||
      (length >= 2 && at[0] == '[' && at[length - 1] == ']' &&
        (\forall integer k; 0 < k < length - 1 ==> literal_byte(at[k])));
    predicate uri_port{L}(uint8_t *at, integer length) =
      length == 0 || (at[0] == ':' && digits(at + 1, length - 1));
    predicate authority{L}(uint8_t *at, integer length) =
      \exists integer k; 0 <= k <= length && uri_host(at, k) &&
        uri_port(at + k, length - k);

    // Of what follows the scheme: there is no more than these from `//` to the next slash.
    predicate plain_host{L}(uint8_t *at, integer length) =
      length >= 2 && at[0] == '/' && at[1] == '/' ==>
        \exists integer k; 0 <= k <= length - 2 && authority(at + 2, k) &&
          (k == length - 2 || at[2 + k] == '/');

    // Bytes of the dot that lies there, which may be written %2e; 0: it is none.
    logic integer dot{L}(uint8_t *at, integer from, integer length) =
      from < length && at[from] == '.' ? 1
        : from + 2 < length && at[from] == '%' && at[from + 1] == '2' &&
          (at[from + 2] == 'e' || at[from + 2] == 'E') ? 3 : 0;
    predicate segment_ends{L}(uint8_t *at, integer from, integer length) =
      from >= length || at[from] == '/' || at[from] == '?' || at[from] == '#';
    predicate dot_segment{L}(uint8_t *at, integer from, integer length) =
      \let one = dot(at, from, length);
      \let two = dot(at, from + one, length);
      one > 0 && (segment_ends(at, from + one, length) ||
        (two > 0 && segment_ends(at, from + one + two, length)));

    // Before a query or fragment none of what slashes divide is one or two dots, which
    // others take for a way back (RFC 3986 5.2.4).
    predicate in_path{L}(uint8_t *at, integer to) =
      \forall integer k; 0 <= k < to ==> at[k] != '?' && at[k] != '#';
    predicate plain_path{L}(uint8_t *at, integer length) =
      \forall integer k; 0 <= k < length && (k == 0 || at[k - 1] == '/') &&
        in_path(at, k) ==> !dot_segment(at, k, length);

    predicate uri_parts{L}(uint8_t *at, integer scheme, integer length) =
      0 < scheme < length - 1 && uri_scheme(at, scheme) && !spiffe(at, scheme) &&
      plain_host(at + (scheme + 1), length - scheme - 1) &&
      plain_path(at + (scheme + 1), length - scheme - 1);
    predicate uri{L}(uint8_t *at, integer length) =
      uri_text(at, length) && \exists integer k; uri_parts(at, k, length);

    // NAME@HOST: the name of at most 64 visible bytes, with no dot beside another dot or
    // an end, and none that must be quoted.
    predicate local_byte(integer c) =
      0x20 < c < 0x7f && c != '(' && c != ')' && c != '<' && c != '>' && c != '[' &&
      c != ']' && c != ':' && c != ';' && c != '\\' && c != ',' && c != '"' && c != '@';
    predicate local_part{L}(uint8_t *at, integer length) =
      1 <= length <= 64 && at[0] != '.' && at[length - 1] != '.' &&
      (\forall integer k; 0 <= k < length ==> local_byte(at[k])) &&
      (\forall integer k; 0 < k < length ==> at[k - 1] != '.' || at[k] != '.');
    predicate email{L}(uint8_t *at, integer length) =
      \exists integer k; local_part(at, k) && k < length && at[k] == '@' &&
        host_name(at + (k + 1), length - k - 1);

    // Content of an element with that tag: each kind of name is in its form.
    axiomatic SoundName {
      predicate sound_name{L}(integer tag, uint8_t *at, integer length)
        reads at[0 .. length - 1];
      axiom is_dns{L}: \forall uint8_t *at, integer length;
        dns_name(at, length) ==> sound_name(0x82, at, length);
      axiom is_address{L}: \forall uint8_t *at, integer length;
        address(at, length) ==> sound_name(0x87, at, length);
      axiom is_uri{L}: \forall uint8_t *at, integer length;
        uri(at, length) ==> sound_name(0x86, at, length);
      axiom is_email{L}: \forall uint8_t *at, integer length;
        email(at, length) ==> sound_name(0x81, at, length);
    }

    // Of a list of DER elements, each that lies before `to`, of which there are `count`:
    // the least predicate of which this is true.
    axiomatic SoundNames {
      predicate sound_names{L}(uint8_t *list, uint8_t *to, integer count)
        reads list[0 .. to - list - 1];
      axiom no_name{L}:
        \forall uint8_t *list; sound_names(list, list, 0);
      axiom one_more_name{L}:
        \forall uint8_t *list, uint8_t *at, uint8_t *content, integer length,
        integer count; sound_names(list, at, count) ==>
        der_content(at, content, length) ==> sound_name(at[0], content, length) ==>
        sound_names(list, content + length, count + 1);
    }

    // At most 256.
    predicate listed_names{L}(uint8_t *list, integer length) =
      \exists integer count; 0 <= count <= 256 && sound_names(list, list + length, count);
    predicate promised_alt_names{L}(struct facts *f) =
      listed_names(f->x509_alt_names, f->x509_alt_names_length);

    // A login of L is a principal; a common name has at most 255 bytes.
    predicate sound_value{L}(integer kind, uint8_t *at, integer length) =
      kind == X509_LOCALITY ? plain_principal(at, length)
        : length > 0 && printable(at, length) &&
          (kind == X509_COMMON_NAME ==> length <= 255);

    // Of a subject's attributes, each that lies before `to`, `count` of which this word of
    // the policy judges: the least predicate of which this is true.
    axiomatic SoundSubject {
      predicate sound_subject{L}(uint8_t *list, uint8_t *to, integer word, integer count)
        reads list[0 .. to - list - 1];
      axiom no_attribute{L}:
        \forall uint8_t *list, integer word; sound_subject(list, list, word, 0);
      axiom one_more_of_it{L}:
        \forall uint8_t *list, uint8_t *at, uint8_t *value, integer kind, integer length,
        integer word, integer count; sound_subject(list, at, word, count) ==>
        attribute_at(at, kind, value, length) ==> sound_value(kind, value, length) ==>
        attribute_word(kind) == word ==>
        sound_subject(list, value + length, word, count + 1);
      axiom one_more_of_another{L}:
        \forall uint8_t *list, uint8_t *at, uint8_t *value, integer kind, integer length,
        integer word, integer count; sound_subject(list, at, word, count) ==>
        attribute_at(at, kind, value, length) ==> sound_value(kind, value, length) ==>
        attribute_word(kind) != word ==>
        sound_subject(list, value + length, word, count);
    }

    // The OID, as a number, of an attribute that `attributes` judges.
    predicate oid_is{L}(uint8_t *at, integer kind, integer oid) =
      oid == (kind == X509_TELEPORT
        ? 128 * attribute_oid(at)[3] + attribute_oid(at)[4] : 16384);

    // Those of an OID follow each other, but for what other words judge: before `to` there
    // is none (0), or it's the last one's (1), or others follow it (2), behind which none
    // may come again: the least predicate of which this is true.
    axiomatic OneOid {
      predicate one_oid{L}(uint8_t *list, uint8_t *to, integer oid, integer place)
        reads list[0 .. to - list - 1];
      axiom of_no_attribute{L}:
        \forall uint8_t *list, integer oid; one_oid(list, list, oid, 0);
      axiom of_another_word{L}:
        \forall uint8_t *list, uint8_t *at, uint8_t *value, integer kind, integer length,
        integer oid, integer place; one_oid(list, at, oid, place) ==>
        attribute_at(at, kind, value, length) ==>
        attribute_word(kind) != FACT_ATTRIBUTES ==>
        one_oid(list, value + length, oid, place);
      axiom still_none{L}:
        \forall uint8_t *list, uint8_t *at, uint8_t *value, integer kind, integer length,
        integer oid; one_oid(list, at, oid, 0) ==>
        attribute_at(at, kind, value, length) ==>
        attribute_word(kind) == FACT_ATTRIBUTES ==> !oid_is(at, kind, oid) ==>
        one_oid(list, value + length, oid, 0);
      axiom of_another_oid{L}:
        \forall uint8_t *list, uint8_t *at, uint8_t *value, integer kind, integer length,
        integer oid, integer place; one_oid(list, at, oid, place) ==> place > 0 ==>
        attribute_at(at, kind, value, length) ==>
        attribute_word(kind) == FACT_ATTRIBUTES ==> !oid_is(at, kind, oid) ==>
        one_oid(list, value + length, oid, 2);
      axiom of_this_oid{L}:
        \forall uint8_t *list, uint8_t *at, uint8_t *value, integer kind, integer length,
        integer oid, integer place; one_oid(list, at, oid, place) ==> place < 2 ==>
        attribute_at(at, kind, value, length) ==>
        attribute_word(kind) == FACT_ATTRIBUTES ==> oid_is(at, kind, oid) ==>
        one_oid(list, value + length, oid, 1);
    }

    predicate oid_stands{L}(uint8_t *list, uint8_t *to, integer oid) =
      one_oid(list, to, oid, 0) || one_oid(list, to, oid, 1) || one_oid(list, to, oid, 2);
    predicate word_capped{L}(uint8_t *list, uint8_t *to, integer word) =
      \exists integer count; 0 <= count <= 256 && sound_subject(list, to, word, count);

    // One common name, at most 256 attributes for each of the other words, and those of one
    // OID follow each other.
    predicate sound_attributes{L}(uint8_t *list, uint8_t *to) =
      sound_subject(list, to, FACT_SUBJECT, 1) && word_capped(list, to, FACT_ROLES) &&
      word_capped(list, to, FACT_UNITS) && word_capped(list, to, FACT_PRINCIPALS) &&
      word_capped(list, to, FACT_STREET) && word_capped(list, to, FACT_POSTAL_CODE) &&
      word_capped(list, to, FACT_ATTRIBUTES) &&
      (\forall integer oid; oid_stands(list, to, oid));

    // And it is not the CA's own name.
    predicate promised_subject{L}(struct issuer *i, struct facts *f) =
      sound_attributes(f->x509_subject, f->x509_subject + f->x509_subject_length) &&
      !(f->x509_subject_length == i->name_length &&
        bytes_equal(f->x509_subject, i->name, i->name_length));

    predicate promised_x509{L}(struct issuer *i, struct request *r, struct facts *f) =
      promised_algorithm(i, f) && promised_issuer(i, f) && promised_issuer_key(i) &&
      promised_no_ca(i, f) && promised_unstamped(f) &&
      promised_leaf(f) && promised_usage(f) &&
      promised_validity(i, r, f->x509_not_before, f->x509_not_after) &&
      promised_key(f) && promised_subject(i, f) && promised_alt_names(f);

    predicate promised{L}(struct issuer *i, struct request *r, struct facts *f) =
      promised_ca(i, r) && (r->document == DOCUMENT_SSH_USER ||
        r->document == DOCUMENT_SSH_HOST ? promised_ssh(i, r, f) : promised_x509(i, r, f));
*/

#endif
