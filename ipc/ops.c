/* The table that ops.h explains. An auditor reads this page first. */
#include "ipc/ops.h"

#define BOOT   (1u << PHASE_BOOT)
#define SEALED (1u << PHASE_SEALED)
#define CONFIG (1u << PHASE_CONFIG)
#define SERVE  (1u << PHASE_SERVE)
#define DRAIN  (1u << PHASE_DRAIN)
#define ANY    (BOOT | SEALED | CONFIG | SERVE | DRAIN)

/* clang-format off */
#define NUMBER8(name)	  { name, 1, 1 }
#define NUMBER32(name)	  { name, 4, 4 }
#define NUMBER64(name)	  { name, 8, 8 }
#define TEXT(name)	  { name, 0, OP_TEXT_MAX }
#define BYTES(name, l, m) { name, l, m }

const struct op_row ops_table[OP_COUNT] = {
	/* The whole of what a worker may say. */
	[OP_SEALED] = { "sealed", PARTY_WORKER, BOOT, true, 0, {
		NUMBER32("protocol") } },
	[OP_CONFIG] = { "config", PARTY_WORKER, SEALED, true, 0, {
		BYTES("cluster-name", 0, OP_CLUSTER_MAX), NUMBER8("keystore"),
		BYTES("account", 0, 12), BYTES("region", 0, OP_NAME_MAX), NUMBER8("suite"),
		NUMBER8("workers"), BYTES("tags", 0, 16384), NUMBER32("kms-rate"),
		NUMBER8("kms-connections"), BYTES("proxy", 0, 255) } },
	[OP_AUTHORITIES] = { "authorities", PARTY_WORKER, SERVE | DRAIN, false, 0, {
		NUMBER8("ca") } },
	[OP_ALERTS] = { "alerts", PARTY_WORKER, SERVE | DRAIN, false, 0, { { 0 } } },
	[OP_SIGN] = { "sign", PARTY_WORKER, SERVE | DRAIN, false, 0, {
		NUMBER8("ca"), NUMBER8("purpose"), NUMBER8("document"),
		BYTES("request-id", 0, OP_REQUEST_ID_MAX),
		BYTES("to-be-signed", 1, OP_DOCUMENT_MAX) } },

	/* What the broker answers. */
	[OP_SEALED_SEEN] = { "sealed-seen", PARTY_BROKER, BOOT, true, 0, {
		NUMBER32("protocol") } },
	[OP_CONFIG_TAKEN] = { "config-taken", PARTY_BROKER, CONFIG, true, 0, {
		BYTES("cluster-name", 1, OP_CLUSTER_MAX) } },
	[OP_CONFIG_REFUSED] = { "config-refused", PARTY_BROKER, CONFIG, true, 0, {
		TEXT("reason") } },
	[OP_AUTHORITIES_ARE] = { "authorities-are", PARTY_BROKER, SERVE | DRAIN, false, 0, {
		BYTES("authority", 0, OP_REPORT_MAX) } },
	[OP_ALERTS_ARE] = { "alerts-are", PARTY_BROKER, SERVE | DRAIN, false, 0, {
		BYTES("alerts", 2, OP_REPORT_MAX) } },
	[OP_SIGNED] = { "signed", PARTY_BROKER, SERVE | DRAIN, false, 0, {
		BYTES("serial", 0, OP_STAMP_MAX), BYTES("signature", 1, OP_SIGNATURE_MAX) } },
	[OP_REFUSED] = { "refused", PARTY_BROKER, SERVE | DRAIN, false, 0, {
		NUMBER8("fact"), NUMBER8("verdict"), NUMBER32("line"), TEXT("value") } },
	[OP_UNAVAILABLE] = { "unavailable", PARTY_BROKER, SERVE | DRAIN, false, 0, {
		NUMBER8("reason"), NUMBER64("retry-after-ms"), TEXT("message") } },
	[OP_DRAIN] = { "drain", PARTY_BROKER, CONFIG | SERVE, true, 0, { { 0 } } },

	/* The supervisor makes processes and descriptors; the broker judges them. */
	[OP_WORKER_STARTED] = { "worker-started", PARTY_SUPERVISOR, ANY, false, 2, {
		NUMBER32("worker"), NUMBER32("pid") } },
	[OP_WORKER_ENDED] = { "worker-ended", PARTY_SUPERVISOR, ANY, false, 0, {
		NUMBER32("worker"), TEXT("how") } },
	[OP_RELOAD] = { "reload", PARTY_SUPERVISOR, ANY, false, 1, {
		NUMBER32("generation"), NUMBER32("uid"), NUMBER32("pid") } },
	[OP_SEGMENT] = { "segment", PARTY_SUPERVISOR, ANY, false, 1, {
		NUMBER32("number") } },
	[OP_STOP] = { "stop", PARTY_SUPERVISOR, ANY, true, 0, { { 0 } } },
	[OP_METADATA] = { "metadata", PARTY_BROKER, ANY, true, 0, {
		BYTES("address", 1, OP_NAME_MAX) } },
	[OP_SOCKET] = { "socket", PARTY_BROKER, ANY, false, 0, {
		BYTES("name", 1, OP_NAME_MAX), BYTES("group", 0, OP_NAME_MAX) } },
	[OP_STARTED] = { "started", PARTY_BROKER, ANY, true, 0, {
		NUMBER32("next-segment"), NUMBER8("networked") } },
	[OP_START_WORKER] = { "start-worker", PARTY_BROKER, ANY, false, 0, {
		NUMBER32("worker"), NUMBER32("generation"),
		BYTES("socket", 1, OP_NAME_MAX) } },
	[OP_DROP_WORKER] = { "drop-worker", PARTY_BROKER, ANY, false, 0, {
		NUMBER32("worker") } },
	[OP_SERVE] = { "serve", PARTY_BROKER, ANY, false, 0, {
		NUMBER32("generation") } },
	[OP_RELOAD_REFUSED] = { "reload-refused", PARTY_BROKER, ANY, false, 0, {
		NUMBER32("generation") } },
	[OP_NEXT_SEGMENT] = { "next-segment", PARTY_BROKER, ANY, false, 0, {
		NUMBER32("number") } },
	[OP_FAILED] = { "failed", PARTY_BROKER, ANY, false, 0, { { 0 } } },
	[OP_STOPPED] = { "stopped", PARTY_BROKER, ANY, true, 0, { { 0 } } },
	[OP_START_RESOLVER] = { "start-resolver", PARTY_BROKER, ANY, false, 0, {
		NUMBER32("worker") } },

	/* The whole of what the resolver hears and says. */
	[OP_RESOLVE] = { "resolve", PARTY_BROKER, ANY, false, 0, {
		BYTES("host", 1, OP_HOST_MAX) } },
	[OP_ADDRESSES] = { "addresses", PARTY_RESOLVER, ANY, false, 0, {
		BYTES("addresses", 0, OP_ADDRESSES_MAX), TEXT("reason") } },

	/* Root asks; only on the admin socket. */
	[OP_ADMIN_STATUS] = { "admin-status", PARTY_ADMIN, SERVE, false, 0, { { 0 } } },
	[OP_ADMIN_CREDENTIALS] = { "admin-credentials", PARTY_ADMIN, SERVE, false, 0, {
		{ 0 } } },
	[OP_ADMIN_REPORT] = { "admin-report", PARTY_BROKER, SERVE, false, 0, {
		BYTES("report", 1, OP_REPORT_MAX) } },
	[OP_ADMIN_ACT] = { "admin-act", PARTY_ADMIN, SERVE, false, 0, {
		NUMBER8("act"), BYTES("instance", 32, 32), NUMBER64("last"),
		BYTES("hash", 0, 64) } },
	[OP_ADMIN_ACTED] = { "admin-acted", PARTY_BROKER, SERVE, false, 0, {
		NUMBER8("recorded"), NUMBER64("sequence"), NUMBER32("segment"),
		TEXT("reason") } },
	[OP_ADMIN_KEYS] = { "admin-keys", PARTY_ADMIN, SERVE, false, 0, {
		BYTES("chosen", 0, OP_CHOSEN_MAX) } },
};
/* clang-format on */

const char *op_name(enum op op)
{
	return (unsigned)op < OP_COUNT && ops_table[op].name ? ops_table[op].name
							     : "unknown";
}

const char *phase_name(enum phase phase)
{
	static const char *const names[PHASE_COUNT] = { "boot", "sealed", "config",
		"serve", "drain" };

	return (unsigned)phase < PHASE_COUNT ? names[phase] : "unknown";
}
