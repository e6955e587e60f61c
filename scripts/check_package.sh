#!/bin/sh
# A light look at a Debian package: it must hold the command, its manual, the profiles to read, and nothing set-uid.
# usage: scripts/check_package.sh PACKAGE.deb
set -eu
package=${1:?usage: scripts/check_package.sh PACKAGE.deb}
[ -f "$package" ] || {
  echo "check_package: no package was made" >&2
  exit 1
}
contents=$(dpkg-deb -c "$package")
dpkg-deb -I "$package"
printf '%s\n' "$contents"
for wanted in ./usr/bin/writ ./usr/libexec/writ/writ-tools ./usr/share/writ/tools/ ./usr/share/man/man1/writ.1.gz ./usr/share/writ/profiles/ \
  ./usr/share/bash-completion/completions/writ ./usr/share/doc/writ/copyright; do
  printf '%s\n' "$contents" | awk '{print $6}' | grep -qxF "$wanted" || {
    echo "check_package: $wanted is missing from $package" >&2
    exit 1
  }
done
if printf '%s\n' "$contents" | grep -q '^...[sS]\|^......[sS]'; then
  echo "check_package: a file of $package is set-uid or set-gid" >&2
  exit 1
fi
echo "package: $package"
