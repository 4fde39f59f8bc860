/* The methods' params; params.h has the contract. */
#include "worker/params.h"

#include "policy/duration.h"

#include <stdio.h>
#include <string.h>

#define UNKNOWN_NAMED 4

bool params_fail(struct rpc_error *error, const char *path, const char *what)
{
	return rpc_fail(error, RPC_INVALID_PARAMS, "%s: %s", path, what);
}

const cJSON *params_get(const cJSON *params, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(params, name);
}

bool params_known(const char *where, const char *const *known, const cJSON *object,
    struct rpc_error *error)
{
	char names[256] = "";
	const cJSON *item;
	unsigned i, unknown = 0;
	size_t n = 0;

	cJSON_ArrayForEach(item, object)
	{
		for (i = 0; known[i]; i++)
			if (strcmp(known[i], item->string) == 0)
				break;
		if (known[i] || unknown++ >= UNKNOWN_NAMED)
			continue;
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s\"%.40s\"",
		    unknown > 1 ? ", " : "", item->string);
	}
	return unknown == 0 ||
	       rpc_fail(error, RPC_INVALID_PARAMS, "%s: unknown param%s %s%s", where,
		   unknown > 1 ? "s" : "", names,
		   unknown > UNKNOWN_NAMED ? ", and more" : "");
}

bool params_list(const cJSON *list, const char *path, struct rpc_error *error)
{
	const cJSON *item;

	if (list && !cJSON_IsArray(list))
		return params_fail(error, path, "must be a list of strings");
	cJSON_ArrayForEach(item, list) if (!cJSON_IsString(item)) return params_fail(
	    error, path, "every one must be a string");
	return true;
}

bool params_ttl(
    const cJSON *params, bool fraction, uint64_t *ttl, struct rpc_error *error)
{
	const cJSON *item = params_get(params, "ttl");
	const char *text = cJSON_GetStringValue(item);

	*ttl = 0;
	if (!item)
		return true;
	if (text && duration_read(text, strlen(text), ttl))
		return true;
	if (!text && cJSON_IsNumber(item) && !fraction && item->valuedouble >= 1 &&
	    item->valuedouble <= (double)DURATION_MAX) {
		*ttl = (uint64_t)item->valuedouble;
		return true;
	}
	return params_fail(error, "ttl",
	    "must be whole seconds or a duration such as \"8h\", from 1 second to ten "
	    "years");
}
