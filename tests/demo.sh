#!/bin/bash
# The main job, end to end: a real OpenSSH login with certificates that privyseal issued.
# Every line after a `$` can be copied into a shell (with $demo and $PATH set as shown).
# Leaves nothing behind: no process, socket, mount, user or file. Usage: demo.sh BUILD
set -euo pipefail
export LC_ALL=C TZ=UTC
umask 022
. "$(dirname "$0")/demo-parts.sh"

begin_demo
story "A config, and the policy that says what may be signed"
printf '\n$ demo=%s PATH=%s:$PATH; mkdir -p $demo\n' "$demo" "$build"
step "cat >\$demo/privyseal.yaml <<'END'
version: v3
auth_service:
  enabled: yes
  cluster_name: example.com
END"
step "cat >\$demo/policy.conf <<'END'
cluster  example.com

deny   user  ssh-user  principals root
permit user  ssh-user  ttl 30h  key-id *  principals deploy backup  extensions permit-pty  rate 100/s
permit host  ssh-host  ttl 30d  key-id *  principals localhost 127.0.0.1 *.example.com
END"
flags="--config \$demo/privyseal.yaml --policy \$demo/policy.conf --state-dir \$demo/state --runtime-dir \$demo/run --user $worker_user"
step "privyseald $flags --check"

story "The daemon: its CAs come into being on first start"
printf '\n$ privyseald %s 2>$demo/privyseald.log & daemon=$!\n' "$flags"
eval "privyseald $flags 2>\$demo/privyseald.log &"
daemon=$!
wait_until "privyseald" privyseal --runtime-dir "$demo/run" status
step 'cat $demo/privyseald.log'
step 'privyseal --runtime-dir $demo/run status'

make_certificates
serve_ssh
log_in

story "Refused by sshd: a certificate for another principal"
request() # ID PRINCIPAL TTL
{
	jq -nc --rawfile key "$demo/id.pub" --arg p "$2" --arg ttl "$3" --argjson id "$1" \
	    '{jsonrpc: "2.0", id: $id, method: "ssh-user", params: {public_key: ($key | rtrimstr("\n")),
	      key_id: "alice", principals: [$p], ttl: $ttl}}'
}
printf '\n$ request() { %s; }\n' "jq -nc --rawfile key \$demo/id.pub --arg p \"\$2\" --arg ttl \"\$3\" --argjson id \"\$1\" '{jsonrpc: \"2.0\", id: \$id, method: \"ssh-user\", params: {public_key: (\$key | rtrimstr(\"\n\")), key_id: \"alice\", principals: [\$p], ttl: \$ttl}}'"
step "request 4 backup 8h | $ask | jq -er .result.certificate >\$demo/backup-cert.pub"
must_fail 'ssh -F $demo/ssh_config -i $demo/id -o CertificateFile=$demo/backup-cert.pub localhost true'
step 'grep "does not contain an authorized principal" $demo/sshd.log'

story "Refused by sshd: a certificate that has expired"
step "request 5 deploy 1s | $ask | tee \$demo/answer | jq -er .result.certificate >\$demo/expired-cert.pub"
expires=$(jq -er .result.valid_before "$demo/answer")
expired()
{
	[ "$(date +%s)" -gt "$expires" ]
}
wait_until "the certificate to expire" expired
must_fail 'ssh -F $demo/ssh_config -i $demo/id -o CertificateFile=$demo/expired-cert.pub localhost true'
step 'grep "Certificate invalid: expired" $demo/sshd.log'

story "Refused by the policy, and the line that refused"
step "request 6 root 8h | $ask | tee \$demo/answer"
rule=$(jq -er .error.data.rule "$demo/answer")
step "sed -n ${rule##*:}p ${rule%:*}"

story "The record: written down before each key was used, each line with the hash of the one before"
step 'cat $demo/state/audit/audit-000001.jsonl'
step 'privyseal audit verify --state-dir $demo/state'

story "What the kernel says of each process, beside what the design promises"
step 'privyseal --runtime-dir $demo/run doctor'

stop_all
printf '\ndemo: a login accepted, three refused, nothing left behind\n'
