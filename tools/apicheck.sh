#!/usr/bin/env bash
# Compares the public API with that of the last release. Usage: tools/apicheck.sh [TAG]
#
# From v1.0.0 on an incompatible change fails. Before, it must be named under "### Changed" or "### Removed" in the
# first section of CHANGELOG.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

apidiff=golang.org/x/exp/cmd/apidiff@v0.0.0-20261113113407-e3970619a1a4
mapfile -t own < <(git tag --points-at HEAD) # a release is not compared with itself
tag=${1:-$(git describe --tags --abbrev=0 --match 'v[0-9]*' "${own[@]/#/--exclude=}" 2>/dev/null || true)}
if [[ -z $tag ]]; then
	echo "no release yet: there is nothing to be compatible with"
	exit 0
fi
old=$(mktemp -d)
trap 'git worktree remove --force "$old/tree"; rm -rf "$old"' EXIT
git worktree add --quiet --detach "$old/tree" "$tag"
module=$(go list -m)
(cd "$old/tree" && go run "$apidiff" -m -w "$old/api" "$module")
changes=$(go run "$apidiff" -m -incompatible "$old/api" "$module")
if [[ -z $changes ]]; then
	echo "compatible with $tag"
	exit 0
fi
printf 'incompatible with %s:\n%s\n' "$tag" "$changes"
if [[ $tag != v0.* ]]; then
	exit 1
fi
if ! awk '/^## /{n++} n==1' CHANGELOG.md | grep -qE '^### (Changed|Removed)'; then
	echo 'CHANGELOG.md names no change of the API: add "### Changed" or "### Removed" to its first section'
	exit 1
fi
