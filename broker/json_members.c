/* Members that cJSON does not know; json_members.h. */
#include "broker/json_members.h"

#include <openssl/evp.h>
#include <string.h>

#define CHARACTERS_MAX ((JSON_BYTES_MAX + 2) / 3 * 4)

const cJSON *json_member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

const char *json_member_text(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(json_member(object, name));
}

bool json_member_bytes(
    const cJSON *object, const char *name, uint8_t *out, size_t room, size_t *length)
{
	const char *text = json_member_text(object, name);
	const size_t characters = text ? strlen(text) : 0;
	uint8_t bytes[JSON_BYTES_MAX + 3];
	char again[CHARACTERS_MAX + 1];
	int n;

	if (characters == 0 || characters > CHARACTERS_MAX)
		return false;
	n = EVP_DecodeBlock(bytes, (const uint8_t *)text, (int)characters);
	/* Padding counts as bytes there. */
	n -= n > 0 ? (text[characters - 1] == '=') + (text[characters - 2] == '=') : 0;
	if (n <= 0 || (size_t)n > room)
		return false;
	EVP_EncodeBlock((uint8_t *)again, bytes, n);
	memcpy(out, bytes, (size_t)n);
	*length = (size_t)n;
	return strcmp(again, text) == 0;
}

bool json_add_bytes(cJSON *object, const char *name, const void *bytes, size_t length)
{
	char text[CHARACTERS_MAX + 1];

	if (length > JSON_BYTES_MAX)
		return false;
	EVP_EncodeBlock((uint8_t *)text, bytes, (int)length);
	return cJSON_AddStringToObject(object, name, text) != NULL;
}

cJSON *json_add_object(cJSON *list)
{
	cJSON *object = cJSON_CreateObject();

	if (cJSON_AddItemToArray(list, object))
		return object;
	cJSON_Delete(object);
	return NULL;
}
