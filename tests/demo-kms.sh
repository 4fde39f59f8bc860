#!/bin/bash
# CA keys in AWS KMS, end to end: the keys come into being there, a real OpenSSH login with
# certificates that they signed, a throttled minute, and the record beside AWS's own log. AWS
# is played by a server of the tests, which checks signatures, IAM policy and requests as AWS
# does. Every line after a `$` can be copied into a shell (with $demo, $kms and $PATH set as
# shown). Leaves nothing behind. Usage: demo-kms.sh BUILD
set -euo pipefail
export LC_ALL=C TZ=UTC
umask 022
. "$(dirname "$0")/demo-parts.sh"
kms=$(realpath "$(dirname "$0")/kms")

begin_demo
story "A KMS and STS, for account 123456789012 in us-west-2, over TLS with a CA of its own"
printf '\n$ demo=%s kms=%s PATH=%s:$PATH; mkdir -p $demo\n' "$demo" "$kms" "$build"
step 'mkdir $demo/aws'
printf '\n$ /usr/bin/python3 -B $kms/server.py $demo/aws & endpoints=$!\n'
/usr/bin/python3 -B "$kms/server.py" "$demo/aws" &
endpoints=$!
others=$endpoints
wait_until "the endpoints" test -e "$demo/aws/port"

story "A config, and the policy, which pins account, region and keystore"
step "cat >\$demo/privyseal.yaml <<'END'
version: v3
auth_service:
  enabled: yes
  cluster_name: example.com
  ca_key_params:
    aws_kms:
      account: \"123456789012\"
      region: us-west-2
END"
step "cat >\$demo/policy.conf <<'END'
cluster  example.com
keystore aws_kms
account  123456789012
region   us-west-2
tag      team pki

deny   user  ssh-user  principals root
permit user  ssh-user  ttl 30h  key-id *  principals deploy backup  extensions permit-pty  rate 100/s
permit host  ssh-host  ttl 30d  key-id *  principals localhost 127.0.0.1 *.example.com
END"
flags="--config \$demo/privyseal.yaml --policy \$demo/policy.conf --state-dir \$demo/state --runtime-dir \$demo/run --user $worker_user"
step "privyseald $flags --check"

story "Credentials, which may do what privyseal needs and nothing else"
step 'privyseal iam-policy --cluster example.com --tag team=pki >$demo/iam.json'
step "jq -r '.Statement[] | [.Sid, (.Action | join(\" \"))] | @tsv' \$demo/iam.json"
step "\$kms/control \$demo/aws user name=privyseal key=AKIADEMO secret=demo/secret policy=@\$demo/iam.json"
step "(umask 077; printf '[default]\naws_access_key_id = AKIADEMO\naws_secret_access_key = demo/secret\n' >\$demo/credentials)"
step 'unset ${!AWS_@}'
step 'export AWS_SHARED_CREDENTIALS_FILE=$demo/credentials AWS_CA_BUNDLE=$demo/aws/ca.pem AWS_ENDPOINT_URL=https://localhost:$(cat $demo/aws/port)'

story "The daemon: at its first start the CAs' keys come into being in KMS"
printf '\n$ privyseald %s 2>$demo/privyseald.log & daemon=$!\n' "$flags"
eval "privyseald $flags 2>\$demo/privyseald.log &"
daemon=$!
wait_until "privyseald" privyseal --runtime-dir "$demo/run" status
step 'cat $demo/privyseald.log'
step 'privyseal --runtime-dir $demo/run credentials'

story "The keys: no file has one, the state knows their names"
step 'ls -A $demo/state/keys'
[ -z "$(ls -A "$demo/state/keys")" ]
step "jq -r '.authorities[] | .type as \$ca | .active_keys | to_entries[] | [\$ca, .key, .value[0].key] | @tsv' \$demo/state/state.json"
step 'privyseal --runtime-dir $demo/run keys list'
step "\$kms/control \$demo/aws keys | jq -c '.[] | [.spec, .state, .tags]'"

make_certificates
serve_ssh
log_in

story "A throttled minute, shortened: KMS refuses the first attempt of each of the next 60 calls"
step "\$kms/control \$demo/aws faults rows='[{\"operation\": \"Sign\", \"kind\": \"throttle\", \"attempts\": 1}]'"
step "jq -nc --rawfile key \$demo/id.pub 'range(60) | {jsonrpc: \"2.0\", id: ., method: \"ssh-user\", params: {public_key: (\$key | rtrimstr(\"\n\")), key_id: \"alice\", principals: [\"deploy\"], ttl: \"8h\"}}' | $ask >\$demo/answers"
step "jq -s 'map(select(.result.certificate)) | length' \$demo/answers | tee \$demo/out"
grep -qx 60 "$demo/out"
step "jq -s 'map(select(.refused == \"ThrottlingException\")) | length' \$demo/aws/log.jsonl | tee \$demo/out"
grep -qx 60 "$demo/out"
step "\$kms/control \$demo/aws faults rows=[]"

story "The record beside KMS's own log: request, digest, and the record's head that KMS was told"
step "jq -rs 'INDEX(.[]; .seq) as \$line | .[] | select(.event == \"outcome\" and .outcome == \"signed\") | [.kms_request_id, \$line[.of | tostring].digest[:16], \"record \(.of)\"] | @tsv' \$demo/state/audit/*.jsonl | sort >\$demo/ours"
step "jq -r 'select(.Message) | [.id, .digest[:16], .agent] | @tsv' \$demo/aws/log.jsonl | sort >\$demo/theirs"
step 'join -t "$(printf "\t")" $demo/ours $demo/theirs | tail -n 4'
step 'cut -f 1,2 $demo/ours >$demo/ours.ids; cut -f 1,2 $demo/theirs >$demo/theirs.ids; wc -l <$demo/ours; cmp $demo/ours.ids $demo/theirs.ids && echo each use of a key is in both'
step 'told=$(tail -n 1 $demo/theirs | grep -o "seq/.*"); echo $told; line=${told#seq/}; sed -n ${line%% *}p $demo/state/audit/audit-000001.jsonl | tr -d "\n" | sha256sum | cut -c 1-16 | tee $demo/out'
[ "${told#*head/}" = "$(cat "$demo/out")" ]
step 'privyseal audit verify --state-dir $demo/state'

story "What the kernel says of each process, beside what the design promises"
step 'privyseal --runtime-dir $demo/run doctor'

stop_all
printf '\ndemo-kms: 5 keys in KMS, a login accepted, 60 of 60 certificates while throttled, nothing left behind\n'
