#!/bin/sh
# Makes what deploy/compose.yaml reads from deploy/secrets: users of Redis, addresses with their passwords, empty places
# for the providers' keys. What is there already stays. Another folder: deploy/secrets.sh FOLDER
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/secrets}
umask 077
mkdir -p "$folder"
cd "$folder"
printf '*\n' > .gitignore

word() { head -c 32 /dev/urandom | sha256sum | cut -d' ' -f1; }
hash() { printf %s "$1" | sha256sum | cut -d' ' -f1; }

if [ ! -e users.acl ]; then
  cp "$here/redis.acl" users.new
  for user in worker api producer ops; do
    word=$(word)
    sed -i "s/^\(user router-$user on\) resetpass/\1 resetpass #$(hash "$word")/" users.new
    printf 'ROUTER_REDIS_URL=redis://router-%s:%s@valkey:6379/0\n' "$user" "$word" > "$user.env"
  done
  word=$(word)
  printf '%s\n' "$word" > redis-admin.password
  printf 'user admin on #%s ~* &* +@all\n' "$(hash "$word")" >> users.new
  # Whoever reaches the server may ask whether it lives, and nothing else.
  printf 'user health on nopass resetkeys resetchannels -@all +ping\n' >> users.new
  mv users.new users.acl
fi
[ -e providers.env ] || printf '# Keys by the names that tiers.yaml gives.\nOPENAI_API_KEY=\n' > providers.env
[ -e metrics.key ] || : > metrics.key
[ -e grafana.password ] || word > grafana.password

# The folder lets nobody in but its owner; of the files mounted into containers, other users there read theirs.
chmod 644 users.acl metrics.key grafana.password
echo "made in $folder; now put the providers' keys into $folder/providers.env"
