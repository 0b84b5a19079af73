#!/bin/sh
#
# assemble-root.sh ROOT PROGRAM...: makes ROOT a root file system that holds the programs, the libraries they load, and
# nothing else: no shell, no package manager, no second program. For each Debian package that a file comes from it
# keeps the licence, and its entry of dpkg's list in var/lib/dpkg/status.d, where scanners look for it.
set -eu

root=$1
shift

# dpkg knows a file by the path its package was made with, before /lib and /bin became links into /usr.
owner() {
  real=$(realpath "$1")
  for path in "$1" "$real" "${real#/usr}" "/usr$1"; do
    found=$(dpkg-query --search "$path" 2>/dev/null) && { echo "${found%%: /*}"; return; }
  done
}

keep() {
  cp --dereference --parents "$1" "$root"
  packages=$(owner "$1" | tr -d ,)
  case $packages:$1 in
    :/usr/local/*) return ;;
    :*) echo "$1 belongs to no package"; exit 1 ;;
  esac
  for package in $packages; do
    mkdir -p "$root/var/lib/dpkg/status.d"
    dpkg-query --status "$package" >"$root/var/lib/dpkg/status.d/${package%%:*}"
    cp --parents "/usr/share/doc/${package%%:*}/copyright" "$root"
  done
}

mkdir -p "$root"
for directory in bin lib lib64; do
  [ -e "/$directory" ] || continue
  mkdir -p "$root/usr/$directory"
  cp --no-dereference "/$directory" "$root/"
done
for directory in dev etc proc run sys; do mkdir "$root/$directory"; done
install -d -m 1777 "$root/tmp"

for program in "$@"; do
  keep "$program"
  #   libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x0000…)   and   /lib64/ld-linux-x86-64.so.2 (0x0000…)
  ldd "$program" | grep -o '/[^ ]*' >"$root.libraries"
  while read -r library; do keep "$library"; done <"$root.libraries"
done
rm "$root.libraries"

keep /usr/lib/os-release
ln -s ../usr/lib/os-release "$root/etc/os-release"
# Names of hosts first from the file that the container's engine writes.
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
