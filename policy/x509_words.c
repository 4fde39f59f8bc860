/* The tables of x509_words.h. */
#include "policy/x509_words.h"

#include <arpa/inet.h>

enum fact x509_attribute_fact(const struct x509_attribute *attribute)
{
	switch (attribute->kind) {
	case X509_COMMON_NAME:
		return FACT_SUBJECT;
	case X509_ORGANIZATION:
		return FACT_ROLES;
	case X509_UNIT:
		return FACT_UNITS;
	case X509_LOCALITY:
		return FACT_PRINCIPALS;
	case X509_STREET:
		return FACT_STREET;
	case X509_POSTAL_CODE:
		return FACT_POSTAL_CODE;
	case X509_SERIAL_NUMBER:
	case X509_TELEPORT:
		break;
	}
	return FACT_ATTRIBUTES;
}

enum fact x509_alt_name_fact(const struct x509_alt_name *name)
{
	switch (name->kind) {
	case X509_ALT_EMAIL:
		return FACT_EMAIL;
	case X509_ALT_URI:
		return FACT_URI;
	case X509_ALT_IP:
		return FACT_IP;
	case X509_ALT_DNS:
		break;
	}
	return name->value.length >= 2 && name->value.at[0] == '*' &&
		       name->value.at[1] == '.'
		   ? FACT_WILDCARD_DNS
		   : FACT_DNS;
}

/*@ requires number <= 255 && \valid(out + (0 .. 2));
    assigns out[0 .. 2];
    ensures 1 <= \result <= 3;
*/
static size_t put_number(char *out, unsigned number)
{
	size_t digits = number > 99 ? 3 : number > 9 ? 2 : 1, i;

	/*@ loop invariant i <= digits;
	    loop assigns i, number, out[0 .. 2];
	    loop variant i; */
	for (i = digits; i > 0; i--, number /= 10)
		out[i - 1] = (char)('0' + number % 10);
	return digits;
}

size_t x509_attribute_oid(const struct x509_attribute *attribute, char out[X509_OID_TEXT])
{
	static const char arcs[2][10] = { "2.5.4.", "1.3.9999." };
	bool teleport = attribute->kind == X509_TELEPORT;
	size_t length = 0;

	/*@ loop invariant length <= (teleport ? 9 : 6);
	    loop assigns length, out[0 .. 8];
	    loop variant 9 - length; */
	for (; length < (teleport ? 9u : 6u); length++)
		out[length] = arcs[teleport][length];
	if (teleport) {
		length += put_number(out + length, attribute->branch);
		out[length++] = '.';
	}
	length +=
	    put_number(out + length, teleport ? attribute->leaf : attribute->kind % 256u);
	out[length] = '\0';
	return length;
}

void x509_address_text(struct slice address, char out[X509_ADDRESS_TEXT])
{
	out[0] = '\0';
	if (address.length == 4 || address.length == 16)
		inet_ntop(address.length == 4 ? AF_INET : AF_INET6, address.at, out,
		    X509_ADDRESS_TEXT);
}
