# What the demos share, sourced by them: steps that are shown and then done, the login, and
# the proof that nothing is left behind.

build=$(realpath "${1:-build}")
PATH=$build:$PATH:/usr/sbin:/sbin
if [ "$(id -u)" != 0 ]; then
	echo "demo: privyseald and sshd need root; run it as root" >&2
	exit 1
fi

daemon=
sshd=
others= # processes that have to end with it
demo=
made_run_sshd=

ended() # waits until a child of ours is gone
{
	kill -TERM "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

cleanup()
{
	local status=$? process

	trap - EXIT
	[ -z "$sshd" ] || ended "$sshd"
	[ -z "$daemon" ] || ended "$daemon"
	for process in $others; do
		ended "$process"
	done
	if [ $status != 0 ] && [ -n "$demo" ]; then
		printf '\ndemo: FAILED; the logs:\n' >&2
		tail -n 30 "$demo"/*.log >&2 || true
	fi
	[ -z "$demo" ] || { chattr -R -f -a "$demo" || true; rm -rf "$demo"; }
	[ -z "$made_run_sshd" ] || rmdir /run/sshd
	exit $status
}

step() # a command as a person would type it, then what it does
{
	printf '\n$ %s\n' "$1"
	eval "$1"
}

story()
{
	printf '\n== %s\n' "$*"
}

must_fail() # like step, for a command that has to be refused
{
	printf '\n$ %s\n' "$1"
	if eval "$1"; then
		echo "demo: that should have been refused" >&2
		exit 1
	fi
}

wait_until() # WHAT COMMAND...: at most 30 s
{
	local what=$1 end=$((SECONDS + 30))

	shift
	while ((SECONDS <= end)); do
		if "$@" >/dev/null 2>&1; then
			return 0
		fi
		sleep 0.05
	done
	echo "demo: waited 30 s for $what" >&2
	return 1
}

# What the demo shares with the rest of the machine, and must leave as it was.
shared()
{
	getent passwd
	getent group
	ls -d /run/sshd /run/privyseal /var/lib/privyseal /etc/privyseal 2>/dev/null || true
}

# What has to do with the demo and with nothing else: processes that name its folder or
# have a file of it open (a zombie is its parent's to bury), mounts, sockets, the port.
traces()
{
	local process name=$1

	for process in /proc/[0-9]*; do
		if { tr '\0' ' ' <"$process/cmdline" && ls -l "$process/fd"; } 2>/dev/null |
		    grep -qF "$name"; then
			echo "process ${process#/proc/}: $(tr '\0' ' ' 2>/dev/null <"$process/cmdline")"
		fi
	done
	grep -F "$name" /proc/self/mountinfo /proc/net/unix || true
	if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
		echo "port $port is still served"
	fi
	ls -d "$name" 2>/dev/null || true
}

start_sshd() # on a port of the dynamic range that nobody has
{
	local try

	for try in 1 2 3 4 5 6 7 8; do
		port=$((20000 + (RANDOM % 12000)))
		printf -v sshd_config '%s\n' "$(cat <<-CONFIG
			Port $port
			ListenAddress 127.0.0.1
			HostKey $demo/host
			HostCertificate $demo/host-cert.pub
			TrustedUserCAKeys $demo/user_ca.pub
			AuthorizedPrincipalsFile $demo/principals
			AuthorizedKeysFile none
			PasswordAuthentication no
			KbdInteractiveAuthentication no
			UsePAM no
			StrictModes no
			PermitRootLogin prohibit-password
			PidFile none
			LogLevel VERBOSE
		CONFIG
		)"
		printf '%s' "$sshd_config" >"$demo/sshd_config"
		: >"$demo/sshd.log"
		/usr/sbin/sshd -D -f "$demo/sshd_config" -E "$demo/sshd.log" &
		sshd=$!
		wait_until "sshd" grep -qE 'Server listening|Cannot bind|error|fatal' "$demo/sshd.log"
		if grep -q 'Server listening' "$demo/sshd.log"; then
			return 0
		fi
		ended "$sshd"
		sshd=
	done
	echo "demo: sshd found no port" >&2
	exit 1
}

left_behind()
{
	traces "$name"
	diff <(echo "$before") <(shared) || true
}
nothing_left()
{
	[ -z "$(left_behind)" ]
}

# ---- what both tell ----

begin_demo()
{
	before=$(shared)
	trap cleanup EXIT
	trap 'exit 1' INT TERM
	demo=$(mktemp -d /tmp/privyseal-demo.XXXXXX)
	chmod 755 "$demo"
	worker_user=privyseal
	getent passwd privyseal >/dev/null || worker_user=nobody
}

make_certificates()
{
	story "Keys of a person and of a host, made as ever"
	step 'ssh-keygen -q -t ed25519 -N "" -C alice -f $demo/id'
	step 'ssh-keygen -q -t ed25519 -N "" -C host -f $demo/host'

	story "A user and a host certificate, through the pipe"
	ask='privyseal --runtime-dir $demo/run pipe'
	step "jq -nc --rawfile key \$demo/id.pub '{jsonrpc: \"2.0\", id: 1, method: \"ssh-user\", params: {public_key: (\$key | rtrimstr(\"\n\")), key_id: \"alice\", principals: [\"deploy\"], ttl: \"8h\", extensions: {\"permit-pty\": \"\"}}}' | tee \$demo/request | $ask >\$demo/answer; cat \$demo/request \$demo/answer"
	step 'jq -er .result.certificate $demo/answer >$demo/id-cert.pub'
	step "jq -nc --rawfile key \$demo/host.pub '{jsonrpc: \"2.0\", id: 2, method: \"ssh-host\", params: {public_key: (\$key | rtrimstr(\"\n\")), principals: [\"localhost\"], ttl: \"30d\"}}' | $ask | jq -er .result.certificate >\$demo/host-cert.pub"
	step 'ssh-keygen -L -f $demo/id-cert.pub'
	step 'ssh-keygen -L -f $demo/host-cert.pub'

	story "The CAs' public keys, for sshd and for ssh"
	step "echo '{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"authorities\"}' | $ask >\$demo/authorities"
	step "jq -er '.result[] | select(.spec.type == \"user\") | .spec.active_keys.ssh[0].public_key | @base64d' \$demo/authorities | tee \$demo/user_ca.pub"
	step "jq -er '.result[] | select(.spec.type == \"host\") | .spec.active_keys.ssh[0].public_key | @base64d' \$demo/authorities | tee \$demo/host_ca.pub"
}

serve_ssh()
{
	story "A real sshd that trusts only that user CA and shows only that host certificate"
	if [ ! -d /run/sshd ]; then
		step 'mkdir -m 755 /run/sshd'
		made_run_sshd=yes
	fi
	step 'echo deploy >$demo/principals'
	start_sshd
	printf "\n$ cat >\$demo/sshd_config <<'END'\n%sEND\n" "$sshd_config"
	printf '\n$ /usr/sbin/sshd -D -f $demo/sshd_config -E $demo/sshd.log & sshd=$!\n'
	step 'echo "@cert-authority localhost $(cat $demo/host_ca.pub)" | tee $demo/known_hosts'
	step "cat >\$demo/ssh_config <<'END'
Host localhost
  HostName 127.0.0.1
  HostKeyAlias localhost
  Port $port
  User root
  UserKnownHostsFile $demo/known_hosts
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
  IdentitiesOnly yes
  IdentityAgent none
  BatchMode yes
END"
}

log_in()
{
	story "The login"
	login='ssh -F $demo/ssh_config -i $demo/id -o CertificateFile=$demo/id-cert.pub localhost'
	step "$login 'echo logged in as \$(id -un)' | tee \$demo/out"
	grep -qx 'logged in as root' "$demo/out"
	step 'grep -m 1 "Accepted certificate" $demo/sshd.log'
}

stop_all()
{
	story "Everything stops"
	printf '\n$ kill $daemon; wait $daemon; kill $sshd; wait $sshd\n'
	kill "$daemon"
	wait "$daemon"
	daemon=
	ended "$sshd"
	sshd=
	if [ -n "$others" ]; then
		printf '\n$ kill $endpoints; wait $endpoints\n'
		ended "$others"
		others=
	fi
	step 'tail -n 2 $demo/privyseald.log'
	printf '\n$ chattr -R -f -a $demo; rm -r $demo%s\n' "${made_run_sshd:+; rmdir /run/sshd}"
	name=$demo
	chattr -R -f -a "$demo" || true # the record is append-only, where the file system can
	rm -r "$demo"
	demo=
	if [ -n "$made_run_sshd" ]; then
		rmdir /run/sshd
		made_run_sshd=
	fi
	# sshd's own children take a moment longer than sshd to see that their client is gone.
	if ! wait_until "nothing of the demo to be left" nothing_left; then
		left_behind >&2
		exit 1
	fi
}
