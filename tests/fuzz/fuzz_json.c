/* worker/json.c: what the strict check lets through, cJSON reads, and prints as what the
 * check lets through; a fault lies inside the text. */
#include "tests/fuzz/fuzz.h"

#include "worker/json.h"

#include <string.h>

static const char *const words[] = { "{", "}", "[", "]", ":", ",", "\"", "\\", "\\u0000",
	"\\ud83d\\ude00", "\\ud800", "\\u", "null", "true", "false", "-", "0", "1e9",
	"1.5", "\"a\":", "\"id\":1,", "\xc3\xbc", "\xed\xa0\x80", "\xf4\x90\x80\x80",
	"\x7f", "\t", "\r", " ", "[[[[[[[[", "9007199254740993", NULL };

static const char *const texts[] = {
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}",
	("{\"a\":[1,2.5,-3e-7,{\"b\":null}],\"c\":\"\\u00fc\\n\\ud83d\\ude00\",\"d\":"
	 "true}"),
	"[[],{},\"\",0,-0]",
	" \"text\" ",
	"[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]",
	"{\"a\":1,\"a\":2}",
	"{\"id\":\"x\",\"params\":{\"id\":2}}",
};

static size_t seed(unsigned number, uint8_t *out, size_t room)
{
	return fuzz_seed_text(texts, sizeof(texts) / sizeof(texts[0]), number, out, room);
}

const struct fuzz_target fuzz_target = { words, NULL, seed };

static void reads_and_prints(const char *text, size_t length, bool nul_escape)
{
	struct json_outline outline;
	bool short_of_memory = false;
	cJSON *value = json_parse(text, length);
	char *printed;
	size_t at;

	fuzz_require(value);
	json_duplicate(value, &short_of_memory);
	fuzz_require(!short_of_memory);
	printed = cJSON_PrintUnformatted(value);
	fuzz_require(printed);
	if (!nul_escape)
		fuzz_require(
		    json_check(printed, strlen(printed), &outline, &at) == JSON_GOOD);
	cJSON_free(printed);
	cJSON_Delete(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const char *text = (const char *)bytes;
	struct json_outline outline = { 0 };
	size_t at = 0;
	enum json_fault fault = json_check(text, length, &outline, &at);

	if (fault != JSON_GOOD) {
		fuzz_require(at <= length);
		fuzz_require(json_fault_text(fault)[0] != '\0');
		return 0;
	}
	fuzz_accepted++;
	fuzz_require(outline.id_at + outline.id_length <= length);
	reads_and_prints(text, length, outline.nul_escape);
	return 0;
}
