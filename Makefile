# privyseal: build, demo, check. `make` leaves the five programs in $(BUILD).
#
#   make             the programs
#   make demo        a real SSH login with certificates of this build; leaves nothing behind
#   make demo-kms    the same with keys in AWS KMS, which a server of the tests plays
#   make check       every test, plain, and again under ASan + UBSan
#   make fuzz        the fuzz targets for FUZZ_SECONDS each, by libFuzzer too where clang is
#   make prove       what Frama-C proves of ipc/ and policy/ (tests/prove lists it)
#   make install     into $(DESTDIR)
#   make format      lay the code out as .clang-format says

VERSION    := 0.1.0
BUILD      ?= build
PREFIX     ?= /usr
SBINDIR    ?= $(PREFIX)/sbin
BINDIR     ?= $(PREFIX)/bin
LIBEXECDIR ?= $(PREFIX)/libexec/privyseal
UNITDIR    ?= $(PREFIX)/lib/systemd/system
SYSCONFDIR ?= /etc

CC         ?= gcc
WARNINGS   := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
              -Wswitch-enum -Wundef -Wformat=2 -Werror
ARCH_FLAGS := $(if $(filter x86_64,$(shell uname -m)),-fcf-protection,-mbranch-protection=standard)
HARDENING  := $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2) -fstack-protector-strong -fPIE $(ARCH_FLAGS)
OPTIMISE   ?= -O2 -g
COMPILE     = $(CC) -std=c17 $(WARNINGS) $(OPTIMISE) $(HARDENING) -I. -D_GNU_SOURCE \
              -DPRIVYSEAL_VERSION='"$(VERSION)"' -DPRIVYSEAL_LIBEXECDIR='"$(LIBEXECDIR)"' \
              $(SANITIZE) $(COVERAGE) $(DEFINES) $(CFLAGS) -MMD -MP
LINK        = $(CC) -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SANITIZE) $(LDFLAGS)

BROKER_LIBS := -lseccomp -lcap-ng -lcrypto -lssl -lcurl -lcjson
PROGRAMS   := privyseald privyseal-broker privyseal-resolver privyseal-worker privyseal
objects     = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard $(1)/*.c))

IPC        := $(call objects,ipc)
CONFINE    := $(call objects,confine)
POLICY     := $(call objects,policy)
SUPERVISOR := $(call objects,broker/supervisor)
BROKER     := $(call objects,broker)
RESOLVER   := $(call objects,broker/resolver)
WORKER     := $(call objects,worker)
CLI        := $(call objects,cli)
# Of the broker's, what the CLI has too: to read and write a state directory (backup, restore,
# prune), and kms for iam-policy. All else is the broker's alone.
SHARED     := $(patsubst %,$(BUILD)/obj/broker/%.o,acts approval audit_log ca_documents ca_keys \
              clocks crypto failure files json_members keystore keystore_software kms metrics \
              secret_memory signing_threads state wiped_memory)
MAINS      := $(BUILD)/obj/broker/main.o $(BUILD)/obj/broker/supervisor/main.o \
              $(BUILD)/obj/broker/resolver/main.o $(BUILD)/obj/worker/main.o $(BUILD)/obj/cli/main.o
PARTS      := $(filter-out $(MAINS),$(IPC) $(CONFINE) $(POLICY) $(SUPERVISOR) $(BROKER) \
              $(RESOLVER) $(WORKER) $(CLI))

UNIT       := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))

.PHONY: all demo demo-kms check check-unit check-integration check-kms check-hostile check-sanitized \
        check-fuzz fuzz fuzz-gcc fuzz-clang needs needs-check prove install format clean
.SECONDARY:

all: $(addprefix $(BUILD)/,$(PROGRAMS))

$(BUILD)/privyseald: $(SUPERVISOR) $(IPC) $(CONFINE)
	@$(LINK) -o $@ $^ -lseccomp -lcap-ng
$(BUILD)/privyseal-broker: $(BROKER) $(IPC) $(CONFINE) $(POLICY)
	@$(LINK) -o $@ $^ $(BROKER_LIBS)
$(BUILD)/privyseal-resolver: $(RESOLVER) $(IPC) $(CONFINE)
	@$(LINK) -o $@ $^ -lseccomp -lcap-ng
$(BUILD)/privyseal-worker: $(WORKER) $(IPC) $(CONFINE) $(POLICY)
	@$(LINK) -o $@ $^ -lseccomp -lcap-ng -lcrypto -lyaml -lcjson
$(BUILD)/privyseal: $(CLI) $(SHARED) $(IPC) $(CONFINE) $(POLICY)
	@$(LINK) -o $@ $^ -lseccomp -lcap-ng -lcrypto -lcjson -lz

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo '  compile $<'
	@$(COMPILE) -c -o $@ $<

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/parts.a
	@mkdir -p $(@D)
	@$(LINK) -o $@ $^ -lcmocka -lseccomp -lcap-ng -lcurl -lssl -lcrypto -lyaml -lcjson -lz
$(BUILD)/parts.a: $(PARTS)
	@rm -f $@
	@$(AR) rcs $@ $^

needs:
	@packaging/needs build demo
needs-check:
	@packaging/needs build demo check

demo: needs
	@$(MAKE) --no-print-directory all
	@tests/demo.sh $(BUILD)

demo-kms:
	@packaging/needs build demo demo_kms
	@$(MAKE) --no-print-directory all
	@tests/demo-kms.sh $(BUILD)

check: needs-check
	@$(MAKE) --no-print-directory all check-unit check-integration check-kms check-hostile
	@$(MAKE) --no-print-directory check-sanitized

check-unit: $(UNIT)
	@tests/run-unit $(UNIT)

check-sanitized:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/sanitized \
	    SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all" \
	    OPTIMISE="-O1 -g -fno-omit-frame-pointer" check-unit check-fuzz

# What other programs make of our documents, and we of theirs.
PEERS := $(BUILD)/peers/facts $(BUILD)/peers/go
$(BUILD)/peers/facts: $(BUILD)/obj/tests/peers/facts.o $(BUILD)/fuzz.a
	@mkdir -p $(@D)
	@$(LINK) -o $@ $^ $(FUZZ_LIBS)
$(BUILD)/peers/go: tests/peers/peers.go
	@mkdir -p $(@D)
	@echo '  compile $<'
	@GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$(abspath $(@D))/cache GOFLAGS= go build -o $@ $<

check-integration: all $(PEERS) $(BUILD)/fuzz/fuzz_x509_certificate
	@tests/run-stories $(BUILD) tests/integration

# The keystore aws_kms against a KMS and STS of the tests' own.
check-kms: all $(BUILD)/kms-without-wiping
	@tests/run-stories $(BUILD) tests/kms

$(BUILD)/kms-without-wiping: $(BUILD)/obj/tests/kms/without_wiping.o $(BROKER) $(IPC) $(CONFINE) \
    $(POLICY)
	@$(LINK) -Wl,--wrap=wiped_free -Wl,--wrap=wiped_memory_start -o $@ $^ $(BROKER_LIBS)

# The hostile tests put a worker that somebody else owns in the real one's place; where a
# defence is off, one function of it is replaced at link time, so the shipped code has no
# switch.
HOSTILE    := $(BUILD)/hostile $(BUILD)/hostile-without-policy \
              $(BUILD)/hostile-without-status-check $(BUILD)/hostile-without-seccomp \
              $(BUILD)/hostile-resolver
HOSTILE_O  := $(BUILD)/obj/tests/hostile

check-hostile: all $(HOSTILE)
	@tests/run-stories $(BUILD) tests/hostile

HOSTILE_WORKER := $(HOSTILE_O)/hostile_worker.o $(HOSTILE_O)/hostile_x509.o

$(HOSTILE_O)/privyseal-worker: $(HOSTILE_WORKER) $(IPC) $(CONFINE) $(POLICY)
	@$(LINK) -Wl,--wrap=filters_load -o $@ $^ -lseccomp -lcap-ng
$(HOSTILE_O)/privyseal-resolver: $(HOSTILE_O)/hostile_resolver.o $(IPC) $(CONFINE)
	@$(LINK) -o $@ $^ -lseccomp -lcap-ng
$(HOSTILE_O)/without-seccomp: $(HOSTILE_WORKER) $(HOSTILE_O)/without_seccomp.o \
    $(IPC) $(CONFINE) $(POLICY)
	@$(LINK) -Wl,--wrap=filters_load -o $@ $^ -lseccomp -lcap-ng
$(HOSTILE_O)/without-policy: $(HOSTILE_O)/without_policy.o $(BROKER) $(IPC) $(CONFINE) $(POLICY)
	@$(LINK) -Wl,--wrap=policy_check -o $@ $^ $(BROKER_LIBS)
$(HOSTILE_O)/without-status-check: $(HOSTILE_O)/without_status_check.o $(BROKER) $(IPC) \
    $(CONFINE) $(POLICY)
	@$(LINK) -Wl,--wrap=confine_status_check -Wl,--wrap=confine_status_read -o $@ $^ $(BROKER_LIBS)

$(BUILD)/hostile: all $(HOSTILE_O)/privyseal-worker
	@mkdir -p $@
	@cp $(BUILD)/privyseald $(BUILD)/privyseal-broker $(BUILD)/privyseal-resolver \
	    $(HOSTILE_O)/privyseal-worker $@/
$(BUILD)/hostile-resolver: all $(HOSTILE_O)/privyseal-resolver
	@mkdir -p $@
	@cp $(BUILD)/privyseald $(BUILD)/privyseal-broker $(BUILD)/privyseal-worker \
	    $(HOSTILE_O)/privyseal-resolver $@/
$(BUILD)/hostile-without-seccomp: $(BUILD)/hostile $(HOSTILE_O)/without-seccomp
	@mkdir -p $@
	@cp $(BUILD)/privyseald $(BUILD)/privyseal-broker $(BUILD)/privyseal-resolver $@/
	@cp $(HOSTILE_O)/without-seccomp $@/privyseal-worker
$(BUILD)/hostile-without-%: $(BUILD)/hostile $(HOSTILE_O)/without-%
	@mkdir -p $@
	@cp $(BUILD)/privyseald $(BUILD)/privyseal-resolver $(HOSTILE_O)/privyseal-worker $@/
	@cp $(HOSTILE_O)/without-$* $@/privyseal-broker

# Each tests/fuzz/fuzz_* is a target. In `make check` they run for a bounded time, under the
# sanitizers; `make fuzz` also lets them see which inputs reach new code.
FUZZ         := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 60
FUZZ_SEED    ?= 1
FUZZ_O       := $(BUILD)/obj/tests/fuzz
FUZZ_ENGINE  ?= $(FUZZ_O)/driver.o
FUZZ_LIBS    := -lcmocka -lseccomp -lcap-ng -lcrypto -lyaml -lcjson

$(BUILD)/fuzz/%: $(FUZZ_O)/%.o $(FUZZ_O)/mutate.o $(FUZZ_ENGINE) $(BUILD)/fuzz.a
	@mkdir -p $(@D)
	@$(LINK) -o $@ $^ $(FUZZ_LIBS)
$(BUILD)/fuzz.a: $(filter-out $(MAINS),$(IPC) $(CONFINE) $(POLICY) $(WORKER) $(CLI))
	@rm -f $@
	@$(AR) rcs $@ $^
$(FUZZ_O)/%.o: override COVERAGE :=

check-fuzz: $(FUZZ)
	@tests/run-fuzz 1.5 $(FUZZ_SEED) $(FUZZ)

fuzz:
	@packaging/needs build check
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz-gcc COVERAGE=-fsanitize-coverage=trace-pc \
	    SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all" \
	    OPTIMISE="-O1 -g -fno-omit-frame-pointer" fuzz-gcc
	@if command -v clang >/dev/null; then \
	    $(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz-clang CC="$(FUZZ_CLANG)" \
	        COVERAGE=-fsanitize=fuzzer-no-link LDFLAGS=-fsanitize=fuzzer \
	        SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all" \
	        OPTIMISE="-O1 -g -fno-omit-frame-pointer" \
	        FUZZ_ENGINE='$$(FUZZ_O)/libfuzzer.o' fuzz-clang; \
	else echo "fuzz: no clang here, so no libFuzzer"; fi
FUZZ_CLANG   ?= clang
fuzz-gcc: $(FUZZ)
	@tests/run-fuzz $(FUZZ_SECONDS) $(FUZZ_SEED) $(FUZZ)
fuzz-clang: $(FUZZ)
	@tests/run-libfuzzer $(FUZZ_SECONDS) $(FUZZ_SEED) $(BUILD)/../fuzz-gcc/fuzz $(FUZZ)

prove:
	@packaging/needs prove
	@tests/prove

UNITS      := privyseal-imds.service privyseal-imds-check.service privyseal-imds.timer

install: all
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBEXECDIR) \
	    $(DESTDIR)$(SYSCONFDIR)/privyseal $(DESTDIR)$(UNITDIR)
	install -m 755 $(BUILD)/privyseald $(DESTDIR)$(SBINDIR)/
	install -m 755 iptables/privyseal-imds $(DESTDIR)$(SBINDIR)/
	install -m 755 $(BUILD)/privyseal $(DESTDIR)$(BINDIR)/
	install -m 755 $(BUILD)/privyseal-broker $(BUILD)/privyseal-resolver \
	    $(BUILD)/privyseal-worker $(DESTDIR)$(LIBEXECDIR)/
	for unit in $(UNITS); do \
	    sed 's|/usr/sbin/|$(SBINDIR)/|' packaging/systemd/$$unit >$(DESTDIR)$(UNITDIR)/$$unit && \
	    chmod 644 $(DESTDIR)$(UNITDIR)/$$unit || exit 1; \
	done
	test -e $(DESTDIR)$(SYSCONFDIR)/privyseal/policy.conf || \
	    install -m 644 policy/policy.conf $(DESTDIR)$(SYSCONFDIR)/privyseal/policy.conf

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
