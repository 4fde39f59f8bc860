/* Facts of nothing, and walking of the packed lists in struct facts. */
#include "policy/facts.h"

void facts_clear(struct facts *facts)
{
	static const struct facts none = { .subject_kind = KEY_RSA };

	*facts = none;
	/* Once more for the provers, who see no member through the structure. */
	facts->subject_key_length = facts->subject_exponent_length = 0;
	facts->nonce_length = facts->key_id_length = facts->principals_length = 0;
	facts->critical_options_length = facts->extensions_length = 0;
	facts->signature_key_length = 0;
	facts->x509_serial_length = facts->x509_issuer_length = 0;
	facts->x509_subject_length = facts->x509_subject_key_id_length = 0;
	facts->x509_authority_key_id_length = facts->x509_alt_names_length = 0;
	facts->x509_crl_url_length = facts->x509_revoked_length = 0;
}

bool facts_next(
    const uint8_t **list, size_t *length, const uint8_t **item, size_t *item_length)
{
	const uint8_t *at = *list;
	size_t left = *length, size;

	if (left < 4)
		return false;
	size = 16777216u * at[0] + 65536u * at[1] + 256u * at[2] + at[3];
	if (size > left - 4)
		return false;
	*item = at + 4;
	*item_length = size;
	*list = at + 4 + size;
	*length = left - 4 - size;
	return true;
}

bool facts_next_item(struct slice *list, struct slice *item)
{
	return facts_next(&list->at, &list->length, &item->at, &item->length);
}

bool facts_next_option(struct slice *list, struct named_value *out)
{
	struct slice rest = *list, name, packed, value;

	if (!facts_next_item(&rest, &name) || !facts_next_item(&rest, &packed))
		return false;
	value = packed;
	/* A packed empty string would be a second way to write "no value". */
	if (packed.length > 0 && (!facts_next_item(&packed, &value) ||
				     packed.length != 0 || value.length == 0))
		return false;
	out->name = name;
	out->value = value;
	*list = rest;
	return true;
}
