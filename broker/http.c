/* The pool and the transfers, on libcurl; http.h has the promises. */
#include "broker/http.h"
#include "broker/clocks.h"
#include "broker/wiped_memory.h"

#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CLOSE_IDLE_S                                                                     \
	50 /* sooner than AWS does, so that no request meets a closing one               \
	    */

struct transfer {
	struct http *http;
	CURL *easy; /* made when it is first used, then kept */
	struct curl_slist *fields, *resolve;
	http_done *done; /* NULL: this place is free */
	void *context;
	char *body;
	size_t length, room, head;
	bool too_long;
	char kept[HTTP_KEPT_COUNT][HTTP_KEPT_MAX + 1];
	char why[CURL_ERROR_SIZE];
};

struct http {
	CURLM *multi;
	X509_STORE *roots;
	char proxy[HTTP_PROXY_MAX]; /* empty: none */
	uint64_t timer_ns;	    /* when libcurl wants to be called; 0: never */
	struct pollfd watched[HTTP_DESCRIPTORS_MAX];
	unsigned watched_count;
	unsigned under_way;
	struct transfer transfers[HTTP_TRANSFERS_MAX];
};

/* ---- what libcurl calls ---- */

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;
	const size_t length = size * count, needed = transfer->length + length + 1;
	size_t room = transfer->room > 0 ? transfer->room : 4096;
	char *grown;

	transfer->too_long = needed > HTTP_ANSWER_MAX;
	if (transfer->too_long)
		return 0;
	while (room < needed)
		room *= 2;
	if (room > transfer->room) {
		grown = wiped_reallocate(transfer->body, room);
		if (!grown)
			return 0;
		transfer->body = grown;
		transfer->room = room;
	}
	memcpy(transfer->body + transfer->length, bytes, length);
	transfer->length += length;
	transfer->body[transfer->length] = '\0';
	return length;
}

static bool keep(struct transfer *transfer, enum http_kept which, const char *name,
    const char *line, size_t length)
{
	const size_t skip = strlen(name);
	char *out = transfer->kept[which];

	if (length <= skip || strncasecmp(line, name, skip) != 0 || line[skip] != ':')
		return false;
	for (line += skip + 1, length -= skip + 1;
	     length > 0 && (*line == ' ' || *line == '\t'); length--)
		line++;
	while (length > 0 && (unsigned char)line[length - 1] <= ' ')
		length--;
	length = length < HTTP_KEPT_MAX ? length : HTTP_KEPT_MAX;
	memcpy(out, line, length);
	out[length] = '\0';
	return true;
}

static size_t on_header(char *line, size_t size, size_t count, void *context)
{
	static const char *const names[HTTP_KEPT_COUNT] = {
		[HTTP_DATE] = "Date",
		[HTTP_REQUEST_ID] = "X-Amzn-RequestId",
		[HTTP_ERROR_TYPE] = "X-Amzn-ErrorType",
		[HTTP_RETRY_AFTER] = "X-Amz-Retry-After",
		[HTTP_TOKEN_TTL] = "X-aws-ec2-metadata-token-ttl-seconds",
	};
	struct transfer *transfer = context;
	unsigned i;

	transfer->head += size * count;
	transfer->too_long = transfer->head > HTTP_HEAD_MAX;
	if (transfer->too_long)
		return 0;
	for (i = 0; i < HTTP_KEPT_COUNT; i++)
		if (keep(transfer, (enum http_kept)i, names[i], line, size * count))
			break;
	return size * count;
}

/* One store for all connections: a bundle of roots for each would cost a megabyte. */
static CURLcode on_tls(CURL *easy, void *tls, void *context)
{
	const struct http *http = context;

	(void)easy;
	if (!http->roots)
		return CURLE_OK;
	SSL_CTX_set1_cert_store(tls, http->roots);
	return CURLE_OK;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *unused)
{
	struct http *http = context;
	unsigned i;

	(void)easy;
	(void)unused;
	for (i = 0; i < http->watched_count && http->watched[i].fd != fd; i++)
		continue;
	if (what == CURL_POLL_REMOVE) {
		if (i < http->watched_count)
			http->watched[i] = http->watched[--http->watched_count];
		return 0;
	}
	if (i == HTTP_DESCRIPTORS_MAX)
		return -1;
	if (i == http->watched_count)
		http->watched_count++;
	http->watched[i] = (struct pollfd){ .fd = fd,
		.events = (short)((what & CURL_POLL_IN ? POLLIN : 0) |
				  (what & CURL_POLL_OUT ? POLLOUT : 0)) };
	return 0;
}

static int on_timer(CURLM *multi, long milliseconds, void *context)
{
	struct http *http = context;

	(void)multi;
	http->timer_ns =
	    milliseconds < 0 ? 0 : clock_boot_ns() + (uint64_t)milliseconds * 1000000 + 1;
	return 0;
}

/* ---- the pool ---- */

X509_STORE *http_roots(const char *pem, size_t length)
{
	BIO *text = length <= INT32_MAX ? BIO_new_mem_buf(pem, (int)length) : NULL;
	X509_STORE *store = X509_STORE_new();
	unsigned count = 0;
	bool good = text && store;
	X509 *one;

	ERR_clear_error();
	while (good && (one = PEM_read_bio_X509(text, NULL, NULL, NULL))) {
		good = X509_STORE_add_cert(store, one) == 1;
		X509_free(one);
		count++;
	}
	/* It ends by not finding another beginning. */
	good = good && count > 0 &&
	       ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	BIO_free(text);
	if (good)
		return store;
	X509_STORE_free(store);
	return NULL;
}

void http_limit(struct http *http, unsigned connections, const char *proxy)
{
	snprintf(http->proxy, sizeof http->proxy, "%s", proxy ? proxy : "");
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)connections);
	curl_multi_setopt(http->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)connections);
}

bool http_proxied(const struct http *http)
{
	return http->proxy[0] != '\0';
}

static bool start_libcurl(struct failure *failure)
{
	static bool started;

	if (!started &&
	    curl_global_init_mem(CURL_GLOBAL_DEFAULT, wiped_allocate, wiped_free,
		wiped_reallocate, wiped_duplicate, wiped_allocate_zeroed) != CURLE_OK)
		return failure_say(failure, "libcurl does not start");
	started = true;
	return true;
}

static bool set_up(struct http *http, const struct http_settings *settings)
{
	http->multi = curl_multi_init();
	if (!http->multi)
		return false;
	http_limit(http, settings->connections, settings->proxy);
	if (settings->roots && X509_STORE_up_ref(settings->roots) == 1)
		http->roots = settings->roots;
	return curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket) ==
		   CURLM_OK &&
	       curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http) == CURLM_OK &&
	       curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer) ==
		   CURLM_OK &&
	       curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http) == CURLM_OK;
}

struct http *http_new(const struct http_settings *settings, struct failure *failure)
{
	struct http *http;
	unsigned i;

	if (!start_libcurl(failure))
		return NULL;
	http = calloc(1, sizeof *http);
	for (i = 0; http && i < HTTP_TRANSFERS_MAX; i++)
		http->transfers[i].http = http;
	if (http && set_up(http, settings))
		return http;
	failure_say(failure, "libcurl: out of memory");
	http_free(http);
	return NULL;
}

static void release(struct transfer *transfer)
{
	curl_slist_free_all(transfer->fields);
	curl_slist_free_all(transfer->resolve);
	wiped_free(transfer->body);
	*transfer = (struct transfer){ .http = transfer->http, .easy = transfer->easy };
}

void http_free(struct http *http)
{
	struct transfer *transfer;

	if (!http)
		return;
	for (transfer = http->transfers; transfer < http->transfers + HTTP_TRANSFERS_MAX;
	     transfer++) {
		if (transfer->done)
			curl_multi_remove_handle(http->multi, transfer->easy);
		release(transfer);
		curl_easy_cleanup(transfer->easy);
	}
	curl_multi_cleanup(http->multi);
	X509_STORE_free(http->roots);
	free(http);
}

/* ---- one transfer ---- */

static bool add_field(struct curl_slist **list, const char *name, const char *value)
{
	char line[8192];
	struct curl_slist *longer;
	const int n = snprintf(
	    line, sizeof line, "%s:%s%s", name, *value == '\0' ? "" : " ", value);

	/* Whoever gives a value with a line break in it wants to say something else. */
	longer = n > 0 && (size_t)n < sizeof line && !strpbrk(line, "\r\n")
		     ? curl_slist_append(*list, line)
		     : NULL;
	explicit_bzero(line, sizeof line);
	if (longer)
		*list = longer;
	return longer != NULL;
}

static bool add_fields(struct transfer *transfer, const struct http_request *request)
{
	size_t i;

	if (request->fields_count > HTTP_HEADERS_MAX)
		return false;
	for (i = 0; i < request->fields_count; i++)
		if (!add_field(&transfer->fields, request->fields[i].name,
			request->fields[i].value))
			return false;
	/* Without a value these are left out; libcurl would add them. */
	return add_field(&transfer->fields, "Expect", "") &&
	       add_field(&transfer->fields, "Accept-Encoding", "");
}

#define SET(option, value) (curl_easy_setopt(transfer->easy, option, value) == CURLE_OK)

static bool set_protocols(struct transfer *transfer, const char *url)
{
	const bool secure = strncmp(url, "https:", 6) == 0;

#if LIBCURL_VERSION_NUM >= 0x075500
	return SET(CURLOPT_PROTOCOLS_STR, secure ? "https" : "http");
#else
	return SET(CURLOPT_PROTOCOLS, (long)(secure ? CURLPROTO_HTTPS : CURLPROTO_HTTP));
#endif
}

static bool set_method(struct transfer *transfer, const struct http_request *request)
{
	if (strcmp(request->method, "GET") == 0)
		return SET(CURLOPT_HTTPGET, 1L);
	return SET(CURLOPT_CUSTOMREQUEST, request->method) &&
	       SET(CURLOPT_POSTFIELDSIZE, (long)request->length) &&
	       SET(CURLOPT_POSTFIELDS, request->body ? request->body : "");
}

static bool prepare(struct transfer *transfer, const struct http_request *request)
{
	struct http *http = transfer->http;

	if (!transfer->easy)
		transfer->easy = curl_easy_init();
	if (!transfer->easy)
		return false;
	curl_easy_reset(transfer->easy);
	if (request->resolve && !http_proxied(http) &&
	    !(transfer->resolve = curl_slist_append(NULL, request->resolve)))
		return false;
	return add_fields(transfer, request) && set_method(transfer, request) &&
	       set_protocols(transfer, request->url) && SET(CURLOPT_URL, request->url) &&
	       SET(CURLOPT_PRIVATE, transfer) &&
	       SET(CURLOPT_HTTPHEADER, transfer->fields) &&
	       SET(CURLOPT_RESOLVE, transfer->resolve) &&
	       SET(CURLOPT_PROXY, http->proxy) && SET(CURLOPT_NOPROXY, "") &&
	       SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
	       SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	       SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	       SET(CURLOPT_CAINFO, NULL) && SET(CURLOPT_CAPATH, NULL) &&
	       SET(CURLOPT_SSL_CTX_FUNCTION, on_tls) && SET(CURLOPT_SSL_CTX_DATA, http) &&
	       SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_WRITEFUNCTION, on_body) &&
	       SET(CURLOPT_WRITEDATA, transfer) &&
	       SET(CURLOPT_HEADERFUNCTION, on_header) &&
	       SET(CURLOPT_HEADERDATA, transfer) &&
	       SET(CURLOPT_ERRORBUFFER, transfer->why) &&
	       SET(CURLOPT_MAXAGE_CONN, (long)CLOSE_IDLE_S) &&
	       SET(CURLOPT_UPLOAD_BUFFERSIZE, 16384L) &&
	       SET(CURLOPT_FRESH_CONNECT, (long)request->fresh) &&
	       SET(CURLOPT_TIMEOUT_MS, (long)request->timeout_ms) &&
	       SET(CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
}

bool http_send(
    struct http *http, const struct http_request *request, http_done *done, void *context)
{
	struct transfer *transfer = http->transfers;

	while (transfer < http->transfers + HTTP_TRANSFERS_MAX && transfer->done)
		transfer++;
	if (transfer == http->transfers + HTTP_TRANSFERS_MAX)
		return false;
	if (!prepare(transfer, request) ||
	    curl_multi_add_handle(http->multi, transfer->easy) != CURLM_OK) {
		release(transfer);
		return false;
	}
	transfer->done = done;
	transfer->context = context;
	http->under_way++;
	return true;
}

unsigned http_under_way(const struct http *http)
{
	return http->under_way;
}

/* Has a byte of the request left for sure not? Only then may nobody have acted on it. */
static bool may_be_sent(CURL *easy)
{
	curl_off_t until_sent = 0;

	return curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &until_sent) !=
		   CURLE_OK ||
	       until_sent > 0;
}

static void finish(struct transfer *transfer, CURLcode result)
{
	struct http *http = transfer->http;
	struct http_answer answer = {
		.why = transfer->too_long	  ? "the answer is too long"
		       : transfer->why[0] != '\0' ? transfer->why
						  : curl_easy_strerror(result),
		.timed_out = result == CURLE_OPERATION_TIMEDOUT,
		.refused = result == CURLE_COULDNT_CONNECT,
		.sent = may_be_sent(transfer->easy),
		.body = transfer->body ? transfer->body : "",
		.length = transfer->length,
	};
	unsigned i;

	for (i = 0; i < HTTP_KEPT_COUNT; i++)
		answer.kept[i] = transfer->kept[i];
	if (result == CURLE_OK)
		curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &answer.status);
	curl_multi_remove_handle(http->multi, transfer->easy);
	http->under_way--;
	transfer->done(transfer->context, &answer);
	release(transfer);
}

/* ---- the loop ---- */

unsigned http_fill(const struct http *http, struct pollfd *out)
{
	memcpy(out, http->watched, http->watched_count * sizeof *out);
	return http->watched_count;
}

int http_wait_ms(const struct http *http)
{
	uint64_t now = clock_boot_ns(), left;

	if (http->timer_ns == 0)
		return -1;
	left = http->timer_ns > now ? http->timer_ns - now : 0;
	left = (left + 999999) / 1000000;
	return left < INT32_MAX ? (int)left : INT32_MAX;
}

static void act(struct http *http, curl_socket_t fd, short events)
{
	int running, what = 0;

	if (events & (POLLIN | POLLHUP))
		what |= CURL_CSELECT_IN;
	if (events & POLLOUT)
		what |= CURL_CSELECT_OUT;
	if (events & (POLLERR | POLLNVAL))
		what |= CURL_CSELECT_ERR;
	curl_multi_socket_action(http->multi, fd, what, &running);
}

void http_turn(struct http *http, const struct pollfd *polled, unsigned count)
{
	struct transfer *transfer;
	CURLMsg *message;
	unsigned i;
	int left;

	for (i = 0; i < count; i++)
		if (polled[i].revents != 0)
			act(http, polled[i].fd, polled[i].revents);
	if (http->timer_ns != 0 && clock_boot_ns() >= http->timer_ns) {
		http->timer_ns = 0;
		act(http, CURL_SOCKET_TIMEOUT, 0);
	}
	while ((message = curl_multi_info_read(http->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(
		    message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
		finish(transfer, message->data.result);
	}
}
