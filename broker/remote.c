/* AWS in the broker's life; remote.h has the promises. */
#include "broker/remote.h"
#include "broker/broker.h"
#include "broker/ca_keys.h"
#include "broker/clocks.h"
#include "broker/control.h"
#include "broker/service_url.h"
#include "broker/kms.h"
#include "confine/confine.h"
#include "ipc/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOME	      "/root"
#define ROOTS_MAX     (4 * 1024 * 1024)
#define PROBE_NS      (30 * SECOND_NS)
#define PROBE_SOON_NS (5 * SECOND_NS) /* while something is wrong, or a key is new */
#define KEYS_ALL      (CA_COUNT * PURPOSE_COUNT)

/* ---- before the seal ---- */

/* Whoever may write it decides who AWS is. */
static bool may_be_trusted(int fd, const char *path, struct failure *failure)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return failure_say(failure, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > ROOTS_MAX)
		return failure_say(
		    failure, "%s is no file of at most %d bytes", path, ROOTS_MAX);
	return (st.st_uid == geteuid() && (st.st_mode & 022) == 0) ||
	       failure_say(failure,
		   "others may write to %s (uid %u, mode %04o); chown root and chmod "
		   "go-w it",
		   path, st.st_uid, st.st_mode & 07777);
}

static X509_STORE *read_roots(const char *path, struct failure *failure)
{
	const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char *text = may_be_trusted(fd, path, failure) ? malloc(ROOTS_MAX) : NULL;
	X509_STORE *roots = NULL;
	size_t length = 0;
	ssize_t n = 1;

	while (text && n > 0 && length < ROOTS_MAX) {
		n = read(fd, text + length, ROOTS_MAX - length);
		length += n > 0 ? (size_t)n : 0;
	}
	if (text && !(roots = http_roots(text, length)))
		failure_say(failure, "%s: no whole list of PEM certificates", path);
	free(text);
	if (fd >= 0)
		close(fd);
	return roots;
}

/* Where distributions keep the certificates that they trust. */
static X509_STORE *find_roots(
    const struct aws_environment *environment, struct failure *failure)
{
	static const char *const usual[] = { "/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem" };
	const char *chosen = aws_environment_get(environment, "AWS_CA_BUNDLE");
	X509_STORE *roots;
	size_t i;

	if (chosen)
		return read_roots(chosen, failure);
	for (i = 0; i < sizeof usual / sizeof usual[0]; i++)
		if ((roots = read_roots(usual[i], failure)))
			return roots;
	failure_say(failure, "there are no certificates to trust AWS by: install "
			     "ca-certificates, or set AWS_CA_BUNDLE");
	return NULL;
}

static bool find_endpoints(
    struct remote *remote, const char *region, struct failure *failure)
{
	static const char *const names[AWS_SERVICE_COUNT] = { "AWS_ENDPOINT_URL_KMS",
		"AWS_ENDPOINT_URL_STS" };
	const struct aws_environment *environment = &remote->environment;
	struct aws_endpoint_choice choice = { .region = region };
	bool ignored;
	int i;

	if (!aws_environment_flag(
		environment, "AWS_USE_FIPS_ENDPOINT", &choice.fips, failure) ||
	    !aws_environment_flag(
		environment, "AWS_USE_DUALSTACK_ENDPOINT", &choice.dual_stack, failure) ||
	    !aws_environment_flag(
		environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", &ignored, failure))
		return false;
	for (i = 0; i < AWS_SERVICE_COUNT; i++) {
		choice.url = ignored ? NULL : aws_environment_get(environment, names[i]);
		if (!choice.url && !ignored)
			choice.url = aws_environment_get(environment, "AWS_ENDPOINT_URL");
		if (!aws_endpoint_make(
			&remote->endpoint[i], (enum aws_service)i, &choice, failure))
			return false;
	}
	return true;
}

/* Perhaps it has other addresses by now. */
static void on_unreachable(void *context, enum aws_service service)
{
	struct broker *broker = context;

	hosts_failed(&broker->hosts, service);
}

static bool connect_aws(
    struct broker *broker, const char *region, struct failure *failure)
{
	struct remote *remote = &broker->remote;
	struct aws_settings settings = { .region = region,
		.http = remote->http,
		.credentials = remote->credentials,
		.log = &broker->log,
		.unreachable = on_unreachable,
		.context = broker };

	memcpy(settings.endpoint, remote->endpoint, sizeof settings.endpoint);
	remote->aws = aws_new(&settings, failure);
	if (!remote->aws)
		return false;
	credentials_call_through(remote->credentials, remote->aws);
	return true;
}

/* The hosts are the services by their numbers, then the credentials' own. */
static void on_addresses(void *context, unsigned which, const char *addresses)
{
	const struct remote *remote = context;

	if (which < AWS_SERVICE_COUNT)
		aws_addresses(remote->aws, (enum aws_service)which, addresses);
	else
		credentials_addresses(remote->credentials, addresses);
}

/* Names that the policy and root's environment give, and no others. */
static void find_hosts(struct broker *broker)
{
	struct remote *remote = &broker->remote;
	struct credentials_needs needs;
	unsigned i;

	credentials_needs(remote->credentials, &needs);
	hosts_begin(&broker->hosts, on_addresses, remote);
	for (i = 0; i < AWS_SERVICE_COUNT; i++)
		hosts_add(&broker->hosts, remote->endpoint[i].host);
	if (needs.host)
		hosts_add(&broker->hosts, needs.host);
}

static void close_given(void)
{
	int i;

	for (i = 0; i < GIVEN_DIRECTORIES; i++)
		close(DESCRIPTOR_GIVEN + i);
}

bool remote_prepare(struct broker *broker, struct failure *failure)
{
	const struct policy_pins *pins = policy_pins(broker->generation->rules->policy);
	struct remote *remote = &broker->remote;
	struct http_settings http = { .connections = HTTP_TRANSFERS_MAX };
	struct credentials_settings credentials = { &remote->environment, HOME, NULL,
		{ DESCRIPTOR_GIVEN, DESCRIPTOR_GIVEN + 1, DESCRIPTOR_GIVEN + 2,
		    DESCRIPTOR_GIVEN + 3 } };

	remote->on = pins->keystore == KEYSTORE_AWS_KMS && !broker->settings.check;
	if (!remote->on) {
		close(DESCRIPTOR_ENVIRONMENT);
		close_given();
		return true;
	}
	if (!aws_environment_take(
		&remote->environment, DESCRIPTOR_ENVIRONMENT, failure) ||
	    !find_endpoints(remote, pins->region, failure) ||
	    !(http.roots = find_roots(&remote->environment, failure)))
		return false;
	credentials.roots = http.roots;
	remote->http = http_new(&http, failure);
	if (remote->http)
		remote->credentials = credentials_new(&credentials, failure);
	close_given();
	X509_STORE_free(http.roots);
	if (!remote->credentials || !connect_aws(broker, pins->region, failure))
		return false;
	find_hosts(broker);
	return true;
}

static void add_port(struct seal *seal, uint16_t port)
{
	unsigned i;

	for (i = 0; i < SEAL_PORTS_MAX && seal->ports[i] != 0 && seal->ports[i] != port;
	     i++)
		continue;
	if (i < SEAL_PORTS_MAX)
		seal->ports[i] = port;
}

/* The proxy is the config's, which nobody has read yet. */
static const uint16_t proxy_ports[] = { 3128, 8080 };

static bool is_proxy_port(uint16_t port)
{
	unsigned i;

	for (i = 0; i < sizeof proxy_ports / sizeof proxy_ports[0]; i++)
		if (proxy_ports[i] == port)
			return true;
	return false;
}

bool remote_seal(const struct broker *broker, struct seal *out, struct failure *failure)
{
	const struct remote *remote = &broker->remote;
	struct credentials_needs needs;
	unsigned i;

	if (!remote->on)
		return true;
	credentials_needs(remote->credentials, &needs);
	for (i = 0; i < AWS_SERVICE_COUNT; i++)
		add_port(out, remote->endpoint[i].port);
	if (needs.port != 0)
		add_port(out, needs.port);
	for (i = 0; i < sizeof proxy_ports / sizeof proxy_ports[0]; i++)
		add_port(out, proxy_ports[i]);
	if (needs.directories_count > SEAL_READABLE_MAX)
		return failure_say(
		    failure, "the credentials lie in too many directories");
	for (i = 0; i < needs.directories_count; i++)
		out->readable[i] = needs.directories[i];
	return true;
}

bool remote_keystore(struct broker *broker, struct failure *failure)
{
	/* Held for good: later generations pin the same account and region. */
	const struct generation *generation = generation_hold(broker->generation);
	const struct kms_settings settings = { .aws = broker->remote.aws,
		.pins = policy_pins(generation->rules->policy),
		.instance = broker->state.instance };

	broker->kms = broker->keystore;
	broker->kms.methods = &keystore_aws_kms;
	broker->kms.kms = kms_new(&settings);
	return broker->kms.kms || failure_say(failure, "out of memory");
}

/* ---- checks before anything is signed ---- */

static void check_next(struct broker *broker);

static void end_check(struct broker *broker, const struct failure *failure)
{
	struct remote *remote = &broker->remote;

	remote->checked = failure == NULL;
	remote->probe_ns =
	    clock_boot_ns() + (remote->skew_told ? PROBE_SOON_NS : PROBE_NS);
	remote->done(broker, failure);
}

static void on_checked(void *context, const struct failure *failure)
{
	struct broker *broker = context;
	struct remote *remote = &broker->remote;
	const struct sts_identity *identity;
	const struct key *key;

	if (failure) {
		end_check(broker, failure);
		return;
	}
	if (remote->next_key > 0) {
		key = &broker->authorities[(remote->next_key - 1) / PURPOSE_COUNT]
			   .key[(remote->next_key - 1) % PURPOSE_COUNT];
		if (key->unusable[0] != '\0')
			log_error("key %s: %s; what it signs can't be had",
			    key->identifier, key->unusable);
	}
	if (remote->next_key == 0) {
		identity = kms_identity(broker->kms.kms);
		credentials_identity(
		    remote->credentials, identity->account, identity->arn);
	}
	check_next(broker);
}

static bool is_remote(const struct key *key)
{
	return key->blob_length > 0 && key->keystore->kms;
}

/* One key after another; there are a dozen. */
static void check_next(struct broker *broker)
{
	static const struct failure busy = { "too many calls of AWS are under way" };
	struct remote *remote = &broker->remote;
	struct key *key;
	unsigned i;

	while (remote->next_key < KEYS_ALL) {
		i = remote->next_key++;
		key = &broker->authorities[i / PURPOSE_COUNT].key[i % PURPOSE_COUNT];
		if (!is_remote(key))
			continue;
		if (!kms_check_key(broker->kms.kms, key, (enum ca)(i / PURPOSE_COUNT),
			(enum purpose)(i % PURPOSE_COUNT), on_checked, broker))
			end_check(broker, &busy);
		return;
	}
	end_check(broker, NULL);
}

void remote_start(struct broker *broker)
{
	struct credentials_needs needs;

	if (!broker->remote.on)
		return;
	credentials_needs(broker->remote.credentials, &needs);
	if (needs.guarded)
		control_metadata(broker, needs.guarded);
}

void remote_check(struct broker *broker, remote_checked_done *done)
{
	static const struct failure busy = { "out of memory" };

	broker->remote.done = done;
	broker->remote.next_key = 0;
	if (!kms_check_account(broker->kms.kms, on_checked, broker))
		end_check(broker, &busy);
}

bool remote_checked(const struct broker *broker)
{
	return !broker->remote.on || broker->remote.checked;
}

/* ---- config ---- */

bool remote_limits_good(const struct broker *broker, const struct remote_limits *limits,
    struct failure *failure)
{
	struct service_url proxy;

	if (!broker->remote.on)
		return true;
	if (limits->rate == 0 || limits->connections == 0 ||
	    limits->connections > HTTP_TRANSFERS_MAX)
		return failure_say(
		    failure, "kms_rate or kms_connections is out of range");
	/* libcurl would look for a name by itself, which the seal ends; and other ports
	 * are closed by it. */
	if (limits->proxy[0] != '\0' &&
	    (!service_url_read(limits->proxy, &proxy) || proxy.secure || !proxy.address ||
		!is_proxy_port(proxy.port)))
		return failure_say(failure,
		    "proxy: it is not http://ADDRESS:PORT, with the port 3128 or 8080");
	return true;
}

void remote_configure(struct broker *broker, const struct remote_limits *limits)
{
	if (!broker->remote.on)
		return;
	aws_limit(broker->remote.aws, limits->rate);
	http_limit(broker->remote.http, limits->connections, limits->proxy);
}

/* ---- the loop ---- */

unsigned remote_fill(struct broker *broker, struct pollfd *out)
{
	struct remote *remote = &broker->remote;

	if (!remote->on)
		return 0;
	remote->sources = credentials_fill(remote->credentials, out);
	return remote->sources + aws_fill(remote->aws, out + remote->sources);
}

int remote_wait_ms(const struct broker *broker)
{
	int sources, calls;

	if (!broker->remote.on)
		return -1;
	sources = credentials_wait_ms(broker->remote.credentials);
	calls = aws_wait_ms(broker->remote.aws);
	return calls < 0 || (sources >= 0 && sources < calls) ? sources : calls;
}

void remote_turn(struct broker *broker, const struct pollfd *polled, unsigned count)
{
	const struct remote *remote = &broker->remote;
	const unsigned sources = remote->sources < count ? remote->sources : count;

	if (!remote->on)
		return;
	credentials_turn(remote->credentials, polled, sources);
	aws_turn(remote->aws, polled + sources, count - sources);
}

static void on_probed(void *context, const struct failure *failure)
{
	struct broker *broker = context;
	struct remote *remote = &broker->remote;
	const bool was_down = broker->metrics.down[KEYSTORE_AWS_KMS];

	remote->probing = false;
	if (failure && !was_down)
		log_error("AWS KMS: %s", failure->text);
	if (!failure && was_down)
		log_notice("AWS KMS answers again");
	broker->metrics.down[KEYSTORE_AWS_KMS] = failure != NULL;
	remote->probe_ns = clock_boot_ns() + (failure ? PROBE_SOON_NS : PROBE_NS);
}

/* Each key in its turn, so that one that somebody disables or deletes shows by itself.
 * Whether there is one. */
static bool probe_next(struct broker *broker)
{
	struct remote *remote = &broker->remote;
	struct key *key;
	unsigned i, n;

	for (n = 0; n < KEYS_ALL; n++) {
		i = remote->next_key++ % KEYS_ALL;
		key = &broker->authorities[i / PURPOSE_COUNT].key[i % PURPOSE_COUNT];
		if (is_remote(key))
			return kms_check_key(broker->kms.kms, key,
			    (enum ca)(i / PURPOSE_COUNT),
			    (enum purpose)(i % PURPOSE_COUNT), on_probed, broker);
	}
	return false;
}

static void tell_skew(struct remote *remote)
{
	int64_t skew;
	bool apart;

	if (!aws_skew(remote->aws, &skew))
		return;
	apart = skew < -KMS_SKEW_MAX || skew > KMS_SKEW_MAX;
	if (apart && !remote->skew_told)
		log_error(
		    "AWS's clock and this host's differ by %lld s; nothing is signed "
		    "until they agree: set this host's clock",
		    (long long)skew);
	if (!apart && remote->skew_told)
		log_notice("AWS's clock and this host's agree again");
	if (apart != remote->skew_told)
		remote->probe_ns = clock_boot_ns() + (apart ? PROBE_SOON_NS : PROBE_NS);
	remote->skew_told = apart;
}

void remote_probe_soon(struct broker *broker)
{
	broker->remote.probe_ns = clock_boot_ns() + PROBE_SOON_NS;
}

void remote_tend(struct broker *broker, uint64_t now_ns)
{
	struct remote *remote = &broker->remote;

	if (!remote->on)
		return;
	kms_tend(broker->kms.kms, now_ns, &broker->wake_ns);
	tell_skew(remote);
	if (!remote->checked || remote->probing || now_ns < remote->probe_ns)
		return;
	remote->probe_ns = now_ns + (remote->skew_told ? PROBE_SOON_NS : PROBE_NS);
	remote->probing = true;
	if (!probe_next(broker))
		remote->probing = false;
}
