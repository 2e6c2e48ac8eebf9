# Sourced by .ci/release: builds the artifacts of a release twice, and uses them as a reader of the documents would.

# get proves that the go command can get the modules. It writes the repository at the tag to release/tree, and its modules
# to release/proxy. At the tag itself it fails if anything is left to do.
get() {
	local strict=()
	[[ $(git tag --points-at HEAD "$version") != "$version" ]] || strict=(-release)
	go -C tools run ./goget -root .. -version "$version" -keep "$scratch/release" "${strict[@]}"
}

build_goreleaser() {
	go -C tools/goreleaser build -o "$scratch/goreleaser" github.com/goreleaser/goreleaser/v2
}

# build_artifacts FOLDER builds everything in a clone, as the workflow does, without publishing.
build_artifacts() {
	local usual
	usual=file://$(go env GOMODCACHE)/cache/download,$(go env GOPROXY)
	git clone --quiet "$scratch/release/tree" "$1"
	cd "$1"
	# The modules of the tag are on no proxy yet, and must not get into the cache of whoever runs this.
	export GOPROXY=file://$scratch/release/proxy,$usual GONOSUMDB=github.com/metlo-go/metlo GOMODCACHE=$scratch/modules
	export GOFLAGS=-modcacherw GORELEASER_CURRENT_TAG=$version
	"$scratch/goreleaser" release --clean --skip=publish,sign --parallelism=1
	.ci/image "$version"
}

build_again() {
	export GOCACHE=$scratch/cold
	build_artifacts "$1"
	rm -rf "$GOCACHE"
}

# hashes prints hash, size and name of what goreleaser built in a folder.
hashes() {
	local file
	cd "$1/dist" || return
	for file in metlo_*.* checksums.txt homebrew/Casks/*; do
		[[ ! -f $file ]] || printf '%s %9d %s\n' "$(sha256sum <"$file" | cut -d' ' -f1)" "$(stat -c %s "$file")" "$file"
	done
}

equal_hashes() {
	local first second
	first=$(hashes "$scratch/one/metlo") second=$(hashes "$scratch/two/elsewhere/metlo-go")
	echo "$first"
	[[ $(wc -l <<<"$first") -eq 17 ]] || { echo 'want 17 files: 6 archives, 6 lists of modules, 2 packages, an image, a cask, the checksums'; return 1; }
	diff <(echo "$first") <(echo "$second") || { echo 'the hashes differ'; return 1; }
}

# as_root runs a command as root.
as_root() {
	if [[ $(id -u) -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

# full_version prints the version that metlo --version must print.
full_version() { echo "metlo ${version#v} (commit $(git -C "$scratch/release/tree" rev-parse HEAD | cut -c1-12))"; }

expect() {
	[[ $2 == *"$3"* ]] || { printf '%s:\n%s\nwant %s\n' "$1" "$2" "$3"; return 1; }
	printf '%s: ok, %s\n' "$1" "$3"
}

# manual prints a manual page as one line.
manual() { MANWIDTH=100 MANPAGER=cat man "$1" | col -b | tr -s '[:space:]' ' '; }

package_installs() {
	local shell arch package
	arch=$(dpkg --print-architecture)
	package=$scratch/one/metlo/dist/metlo_${version#v}_$arch.deb
	install_package mandb man-db
	[[ -e /usr/share/bash-completion/bash_completion ]] || install_package no-command bash-completion
	for shell in fish zsh; do install_package "$shell" "$shell"; done
	! command -v metlo || { echo 'metlo is installed here already'; return 1; }

	trap 'as_root dpkg --purge metlo' EXIT
	# Images of Debian leave manual pages out.
	as_root dpkg --path-include='/usr/share/man/*' --path-include='/usr/share/doc/*' --install "$package"
	expect 'metlo --version' "$(metlo --version)" "$(full_version)"
	expect 'man metlo' "$(manual metlo)" 'fails builds while alerts are open'
	expect 'man metlo-gate' "$(manual metlo-gate)" '--new-since'
	expect 'completion in bash' "$(bash -c '
		source /usr/share/bash-completion/bash_completion
		compopt() { :; } # outside of a prompt
		source /usr/share/bash-completion/completions/metlo
		COMP_WORDS=(metlo ga) COMP_CWORD=1 COMP_LINE="metlo ga" COMP_POINT=8
		__start_metlo
		echo "${COMPREPLY[@]}"')" 'gate'
	expect 'completion in fish' "$(HOME=$scratch fish -c 'complete -C "metlo ga"')" 'gate'
	expect 'completion in zsh' "$(zsh -fc 'autoload -Uz compinit; compinit -u -D; print -- $_comps[metlo]')" '_metlo'
	expect 'licences' "$(zcat /usr/share/doc/metlo/THIRD_PARTY_LICENSES.gz)" 'github.com/spf13/cobra'
	trap - EXIT
	as_root dpkg --purge metlo
	[[ ! -e /usr/bin/metlo && ! -e /usr/share/doc/metlo && ! -e /usr/share/man/man1/metlo.1.gz ]]
}

# confined FOLDER COMMAND… runs a command with the folder as its read-only root and as the user of the image. It sets
# METLO_HOST and unsets HOME.
confined() {
	as_root env "METLO_HOST=${METLO_HOST:-}" unshare --mount sh -c '
		mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" || exit 125
		exec env -i METLO_HOST="$METLO_HOST" SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
			"$(command -v chroot)" --userspec=65532:65532 "$0" "$@"' "$@"
}

# image_trusts ROOT fails unless the command trusts the authorities of the image's file, and no other.
image_trusts() {
	local port server
	install_package openssl openssl
	cd "$scratch"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=metlo -addext subjectAltName=IP:127.0.0.1 \
		-days 2 -keyout key.pem -out certificate.pem 2>/dev/null
	openssl s_server -accept 127.0.0.1:0 -cert certificate.pem -key key.pem -www >server.log 2>&1 &
	server=$!
	trap "kill $server" EXIT
	until port=$(grep -o 'ACCEPT.*:[0-9]*' server.log | grep -o '[0-9]*$'); do
		kill -0 "$server"
		sleep 0.1
	done
	export METLO_HOST=https://127.0.0.1:$port
	expect 'an authority that the image lacks' "$(confined "$1" /usr/bin/metlo gate 2>&1)" 'signed by unknown authority'
	as_root tee -a "$1/etc/ssl/certs/ca-certificates.crt" <certificate.pem >/dev/null
	expect 'an authority that the image has' "$(confined "$1" /usr/bin/metlo gate 2>&1)" 'want JSON, have an HTML page'
}

image_runs() {
	local layout=$scratch/layout rootfs=$scratch/rootfs manifest config layer out code=0
	install_package jq jq
	mkdir "$layout" "$rootfs"
	tar -xf "$scratch/one/metlo/dist/metlo_${version#v}_image.tar" -C "$layout"
	blob() { echo "$layout/blobs/${1/://}"; }
	manifest=$(blob "$(jq -r --arg arch "$(dpkg --print-architecture)" \
		'.manifests[] | select(.platform.architecture == $arch) | .digest' "$layout/index.json")")
	config=$(blob "$(jq -r .config.digest "$manifest")")
	for layer in $(jq -r '.layers[].digest' "$manifest"); do
		echo "${layer#sha256:} $(blob "$layer")" | sha256sum --check --quiet
		as_root tar -xzpf "$(blob "$layer")" -C "$rootfs"
	done
	[[ $(jq -r .config.User "$config") == 65532:65532 && $(jq -r '.config.Entrypoint[]' "$config") == /usr/bin/metlo ]]
	(cd "$rootfs" && find . -type f | sort | xargs du -b)

	expect 'metlo --version' "$(confined "$rootfs" /usr/bin/metlo --version)" "$(full_version)"
	out=$(confined "$rootfs" /usr/bin/metlo --demo gate 2>&1) || code=$?
	expect 'metlo --demo gate' "$out" 'open alert'
	[[ $code -eq 1 ]] || { echo "exit code $code, want 1"; return 1; }
	code=0
	out=$(confined "$rootfs" /usr/bin/metlo --demo gate --format junit=/metlo.xml 2>&1) || code=$?
	expect 'a report where nothing can be written' "$out" 'read-only file system'
	[[ $code -eq 2 ]] || { echo "exit code $code, want 2"; return 1; }
	image_trusts "$rootfs"
}

# newcomer follows docs/ci.md on a machine that has the archive and nothing else.
newcomer() {
	local machine=$scratch/machine code=0 out
	mkdir -p "$machine"
	tar -xzf "$scratch/one/metlo/dist/metlo_${version#v}_linux_$(dpkg --print-architecture).tar.gz" -C "$machine" --strip-components=1
	(cd "$machine" && find . -type f | sort | head -n 12)
	expect 'metlo --version' "$(as_root env -i "$(command -v chroot)" "$machine" /metlo --version)" "$(full_version)"
	out=$(as_root env -i "$(command -v chroot)" "$machine" /metlo --demo gate --severity high --format plain --format sarif=/metlo.sarif 2>&1) || code=$?
	echo "$out"
	[[ $code -eq 1 ]] || { echo "exit code $code, want 1"; return 1; }
	expect 'the SARIF file' "$(cat "$machine/metlo.sarif")" '"ruleId":"metlo-'
}
