/** Where everything of the running mesh lies inside the sandbox: a tmpfs that is gone with it. */
export const runFolder = '/run/mizzen';

/** Envoy's binary inside the sandbox, readable for every user. */
export const envoyInside = `${runFolder}/bin/envoy`;

/**
 * What process 1 of the sandbox runs: it says its own number (as the outside sees it) on descriptor 3, makes the mounts,
 * starts the command and reaps until that ends. `$1` is Envoy's binary or empty, the rest is the command.
 *
 * The new /run is built over /tmp and then moved, because its entries are the old ones bound back; `-n` keeps mount(8)
 * from writing /run/mount/utab, which an ordinary user may not.
 */
export const sandboxScript = `
set -eu
umask 022
read -r pid rest < /proc/self/stat
exec 5<&0
mount -n -t proc -o nosuid,nodev,noexec proc /proc
mount -n -t tmpfs -o mode=755,nosuid,nodev mizzen-run /tmp
for entry in /run/* /run/.[!.]*; do
  name=\${entry#/run/}
  if [ "$name" = mizzen ]; then continue; fi
  if [ -L "$entry" ]; then cp -P "$entry" "/tmp/$name"
  elif [ -d "$entry" ]; then mkdir "/tmp/$name"; mount -n --rbind "$entry" "/tmp/$name"
  elif [ -e "$entry" ]; then : > "/tmp/$name"; mount -n --bind "$entry" "/tmp/$name"
  fi
done
mkdir /tmp/mizzen
mount -n --move /tmp /run
mount -n -t tmpfs -o mode=755,nosuid mizzen ${runFolder}
mkdir ${runFolder}/ns ${runFolder}/pods ${runFolder}/bin
if [ -n "$1" ]; then
  : > ${envoyInside}
  mount -n --bind "$1" ${envoyInside}
fi
ip link set lo up
shift
child=
trap 'kill -TERM $child' TERM
trap 'kill -INT $child' INT
"$@" <&5 3>&- 5<&- &
child=$!
exec 5<&-
echo "$pid" >&3
exec 3>&-
while :; do
  code=0
  wait $child || code=$?
  kill -0 $child 2>/dev/null || exit $code
done
`;

/** Options of `unshare` for a sandbox; the user namespace of an ordinary user comes on top. */
export const unshareOptions: readonly string[] = [
  '--mount',
  '--net',
  '--pid',
  '--ipc',
  '--uts',
  '--fork',
  '--kill-child',
  '--propagation',
  'private',
];
