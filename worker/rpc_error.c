/* RPC errors; see rpc_error.h. */
#include "worker/rpc_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool rpc_fail(struct rpc_error *error, int code, const char *format, ...)
{
	va_list arguments;

	*error = (struct rpc_error){ .code = code };
	va_start(arguments, format);
	vsnprintf(error->message, sizeof(error->message), format, arguments);
	va_end(arguments);
	return false;
}

static void name_rule(
    struct rpc_error *error, const char *policy_name, enum verdict verdict, unsigned line)
{
	switch (verdict) {
	case VERDICT_PERMIT:
	case VERDICT_RULE:
		snprintf(error->rule, sizeof(error->rule), "%s:%u", policy_name, line);
		break;
	case VERDICT_DEFAULT:
		snprintf(error->rule, sizeof(error->rule), "default");
		break;
	case VERDICT_INVARIANT:
		snprintf(error->rule, sizeof(error->rule), "invariant");
		break;
	}
}

bool rpc_refuse(struct rpc_error *error, const char *policy_name, enum verdict verdict,
    unsigned line, enum fact fact, const uint8_t *value, size_t value_length,
    const char *why)
{
	*error = (struct rpc_error){ .code = RPC_REFUSED, .fact = fact_name(fact) };
	name_rule(error, policy_name, verdict, line);
	error->value_length =
	    value_length < sizeof(error->value) ? value_length : sizeof(error->value);
	if (error->value_length > 0)
		memcpy(error->value, value, error->value_length);
	if (verdict == VERDICT_DEFAULT)
		snprintf(error->message, sizeof(error->message),
		    "refused: no rule of %s permits the value of \"%s\"", policy_name,
		    error->fact);
	else if (verdict == VERDICT_INVARIANT)
		snprintf(error->message, sizeof(error->message), "refused: %s",
		    why ? why : "no certificate of this form is ever signed");
	else
		snprintf(error->message, sizeof(error->message), "refused by %s: %s",
		    error->rule, error->fact);
	return false;
}
