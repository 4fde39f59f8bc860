/*
 * worker/rpc.c and the methods behind it: whatever lines a client sends, each is answered
 * at most once, by one line of JSON-RPC, and what the broker is asked to sign is a
 * document that it reads (worker_rig.h sees to that).
 */
#include "tests/fuzz/fuzz.h"

#include "ipc/log.h"
#include "tests/unit/worker_rig.h"

static const char *const words[] = { "\"jsonrpc\":\"2.0\",", "\"id\":1,", "\"id\":\"a\",",
	"\"id\":null,", "\"method\":\"ssh-user\"", "\"method\":\"ssh-host\"",
	"\"method\":\"x509-user\"", "\"method\":\"x509-host\"", "\"method\":\"user\"",
	"\"method\":\"authorities\"", "\"method\":\"status\"", "\"method\":\"ping\"",
	"\"method\":\"alerts\"", "\"method\":\"crl\"", "\"params\":{",
	"\"public_key\":", "\"csr\":", "\"key_id\":", "\"principals\":[",
	"\"ttl\":", "\"8h\"", "\"extensions\":{", "\"critical_options\":{",
	"\"ca\":\"openssh\"", "\"type\":\"user\"", "\"subject\":{",
	"\"common_name\":", "\"organization\":[", "\"dns\":[", "\"ip\":[\"10.0.0.1\"]",
	"\"attributes\":{\"1.3.9999.1.7\":[\"x\"]}", "\"permit-pty\":\"\"", "\"root\"",
	"[]", "{}", "}", "]", ",", "null", "1.5", "-1", "1e400", "\\u0000", "\n", "\r\n",
	RIG_ED25519, NULL };

#define CALL(method, params)                                                             \
	"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"" method "\",\"params\":" params "}" \
	"\n"
#define KEY "\"public_key\":\"" RIG_ED25519 "\""

#define TLS_KEY                                                                          \
	"\"public_key\":\"-----BEGIN PUBLIC KEY-----\\n"                                 \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2S1EWjBNG3FX2vJDhfZTfA2XF10G\\n"            \
	"9mEfEWw8ldlCmdXtbbjYGRFTY3MWylXbwZ4Z3JpmyKVPk1m14uDvE7b9fA==\\n"                \
	"-----END PUBLIC KEY-----\\n\""

static const char *const texts[] = {
	CALL("ping", "{}"),
	CALL("status", "{}"),
	CALL("authorities", "{\"type\":\"user\"}"),
	CALL("ssh-user",
	    "{" KEY ",\"key_id\":\"a\",\"principals\":[\"deploy\"],\"ttl\":\"1h\","
	    "\"extensions\":{\"permit-pty\":\"\"},"
	    "\"critical_options\":{\"force-command\":\"/bin/true\"}}"),
	CALL("ssh-user",
	    "{" KEY ",\"key_id\":\"a\",\"principals\":[\"a\",\"b\"],\"ttl\":60,"
	    "\"ca\":\"openssh\"}"),
	CALL("ssh-host", "{" KEY ",\"principals\":[\"web.example.com\"]}")
	    CALL("ping", "{}"),
	CALL("ssh-user", "{" KEY ",\"key_id\":\"a\",\"principals\":[\"root\"]}"),
	CALL("x509-user", "{" TLS_KEY ",\"subject\":{\"common_name\":\"alice\","
			  "\"organization\":[\"access\"]},\"ttl\":\"1h\"}"),
	CALL("x509-host",
	    "{" TLS_KEY ",\"subject\":{\"common_name\":\"web.example.com\"},"
	    "\"dns\":[\"web.example.com\"],\"ip\":[\"10.0.0.1\"]}"),
	CALL("user", "{\"username\":\"alice\",\"principals\":[\"deploy\"],"
		     "\"roles\":[\"access\"],\"ttl\":\"1h\"}"),
	CALL("nonsense", "{}") "{\"jsonrpc\":\"2.0\",\"method\":\"ping\"}\n[]\n{}\n\n",
};

static size_t seed(unsigned number, uint8_t *out, size_t room)
{
	return fuzz_seed_text(texts, sizeof(texts) / sizeof(texts[0]), number, out, room);
}

const struct fuzz_target fuzz_target = { words, NULL, seed };

static unsigned count_lines(const char *text, size_t length)
{
	unsigned lines = 0;
	size_t i;

	for (i = 0; i < length; i++)
		lines += text[i] == '\n';
	return lines;
}

/* One answer, which has a result or an error that a client can act on. */
static void look_at_answer(const char *line, size_t length)
{
	struct json_outline outline;
	const cJSON *error, *code;
	cJSON *answer;
	size_t at;

	fuzz_require(json_check(line, length, &outline, &at) == JSON_GOOD);
	answer = json_parse(line, length);
	fuzz_require(answer && cJSON_GetObjectItem(answer, "id"));
	error = cJSON_GetObjectItem(answer, "error");
	fuzz_require(!error == !!cJSON_GetObjectItem(answer, "result"));
	if (error) {
		code = cJSON_GetObjectItem(error, "code");
		fuzz_require(cJSON_IsNumber(code) && code->valueint <= -32000 &&
			     code->valueint >= -32700 && code->valueint != -32603);
		fuzz_require(cJSON_GetStringValue(cJSON_GetObjectItem(error, "message")));
	} else {
		fuzz_accepted++;
	}
	cJSON_Delete(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static struct rig *rig;
	static char text[FUZZ_INPUT_MAX + 2];
	const char *answers, *end;
	unsigned asked;

	if (!rig) {
		log_level_set(LOG_LEVEL_ERROR); /* refusals are told, once a second */
		rig = rig_start();
	}
	if (length > FUZZ_INPUT_MAX || memchr(bytes, '\0', length))
		return 0; /* rig_ask() takes texts; fuzz_json has the others */
	if (length > 0)
		memcpy(text, bytes, length);
	memcpy(text + length, "\n", 2);
	asked = count_lines(text, length + 1);
	if (asked > 40)
		return 0;
	answers = rig_ask(rig, text);
	fuzz_require(count_lines(answers, strlen(answers)) <= asked);
	for (; *answers != '\0'; answers = end + 1) {
		end = strchr(answers, '\n');
		fuzz_require(end);
		look_at_answer(answers, (size_t)(end - answers));
	}
	/* nothing is left behind by whatever it was */
	fuzz_require(rig->worker->connections.count == 1);
	fuzz_require(rig->worker->connections.of[0]->outstanding == 0);
	return 0;
}
