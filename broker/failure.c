/* Makes the sentence of a failure. */
#include "broker/failure.h"

#include <stdarg.h>
#include <stdio.h>

bool failure_say(struct failure *failure, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(failure->text, sizeof failure->text, format, arguments);
	va_end(arguments);
	return false;
}
