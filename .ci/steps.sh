# Sourced by the scripts beside it: runs named steps, two at a time, and sums them up.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD

# The checks must not depend on the caller's settings, nor reach a live instance.
unset METLO_HOST METLO_API_KEY METLO_COLLECTOR_HOST METLO_INSECURE_HTTP METLO_TEST_ALL
export CI=true GOWORK=off GOFLAGS=-buildvcs=false

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
touch "$scratch/passed" "$scratch/failed"
commit=$(git rev-parse HEAD)
started=0

# step NAME COMMAND… starts a command beside the previous one. It prints the output when the command has ended.
# STEPS='lint|fuzz' leaves out the steps whose name does not match.
step() {
	[[ $1 =~ ${STEPS:-.} ]] || return 0
	while [[ $(jobs -rp | wc -l) -ge 2 ]]; do
		wait -n || true
	done
	started=$((started + 1))
	run_step "$@" &
}

# settle waits for all steps that were started.
settle() { wait; }

run_step() {
	local name=$1 begin=$SECONDS log outcome=failed
	shift
	log=$(mktemp -p "$scratch")
	set +e # and no "if", within which a shell goes on after a command that failed
	(set -e; "$@") >"$log" 2>&1
	[[ $? -ne 0 ]] || outcome=passed
	set -e
	{
		flock 9
		printf '\n=== %s\n' "$name"
		cat "$log"
		printf -- '--- %s: %s (%d s)\n' "$outcome" "$name" $((SECONDS - begin))
		echo "$name" >>"$scratch/$outcome"
	} 9>"$scratch/lock"
}

# sum_up ends the script. It fails if no step ran.
sum_up() {
	settle
	local passed failed
	passed=$(wc -l <"$scratch/passed") failed=$(wc -l <"$scratch/failed")
	echo
	if [[ $failed -gt 0 ]]; then
		printf 'FAILED after %d s: %d of %d steps\n' "$SECONDS" "$failed" $((passed + failed))
		sed 's/^/  /' "$scratch/failed"
		exit 1
	fi
	if [[ $started -eq 0 ]]; then
		echo "no step matches STEPS=$STEPS"
		exit 1
	fi
	if [[ $passed -ne $started ]]; then # such as when the disk is full
		printf 'FAILED after %d s: %d of %d steps left no result\n' "$SECONDS" $((started - passed)) "$started"
		exit 1
	fi
	printf 'ok: %d steps in %d s\n' "$passed" "$SECONDS"
	# tools/release asks on which commit everything passed.
	if [[ -z ${STEPS:-} && -z $(git status --porcelain) && $(git rev-parse HEAD) == "$commit" ]]; then
		echo "$commit" >"$(git rev-parse --git-path "passed-${0##*/}")"
	fi
}

sources() { git ls-files -z --cached --others --exclude-standard -- "$@"; }

modules() { sources 'go.mod' '*/go.mod' | xargs -0 -n1 dirname | sort; }

code_modules() { modules | grep -v "^tools"; } # tools have checks of their own

install_package() {
	local command=$1 package=$2 sudo=()
	command -v "$command" >/dev/null && return
	[[ $(id -u) -eq 0 ]] || sudo=(sudo)
	"${sudo[@]}" apt-get update -qq
	DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "$package" >/dev/null
}

prerequisites() {
	go version
	install_package gcc build-essential # the race detector needs cgo
	install_package redis-server redis-server
	install_package xmllint libxml2-utils # holds JUnit reports to their schema
	redis-server --version
}

# in_module MODULE COMMAND… runs a command in the folder of a module.
in_module() {
	cd "$1"
	shift
	"$@"
}

# platform compiles everything of a module, tests included, for another platform.
platform() {
	export GOOS=${2%/*} GOARCH=${2#*/} CGO_ENABLED=0
	cd "$1"
	go build ./...
	go vet ./...
}

# fuzz_package fuzzes the targets of a folder one after the other, each for FUZZTIME. A target that has not reached 1,000
# executions in that time continues until it has.
fuzz_package() {
	local binary target
	binary=$(mktemp -p "$scratch")
	cd "$1"
	go test -c -fuzz . -o "$binary"
	for target in $(grep -ho '^func Fuzz[A-Za-z0-9_]*' ./*_test.go | sed 's/^func //'); do
		fuzz "$binary" "$target" "$FUZZTIME"
		if [[ $execs -lt 1000 ]]; then
			echo "$target: $execs executions in $FUZZTIME, so it goes on to 1,000"
			fuzz "$binary" "$target" 1000x
		fi
		echo "$target: $execs executions"
		[[ $execs -ge 1000 ]] || { echo "$target: reaches no 1,000 executions"; return 1; }
	done
}

# fuzz BINARY TARGET TIME sets execs to the number of executions. One worker is enough beside another step. Without a
# limit, the worker would spend most of a short time on minimizing the inputs that it found. Packages that run side by side
# have targets of one name, so the log and the corpus belong to the binary.
fuzz() {
	local log=$1.$2.log
	timeout -k 10 3600 "$1" -test.run '^$' -test.fuzz "^$2\$" -test.fuzztime "$3" -test.parallel 1 -test.fuzzminimizetime 20x \
		-test.fuzzcachedir "$1.corpus/$2" >"$log" 2>&1 || {
		# A run whose time ends while a worker starts an input fails by this text alone (https://go.dev/issue/75804).
		if ! grep -qx ' *context deadline exceeded' "$log" || grep -q 'Failing input written\|panic:' "$log"; then
			cat "$log"
			return 1
		fi
	}
	execs=$(grep -ao 'execs: [0-9]*' "$log" | tail -n1 | grep -o '[0-9]*' || echo 0)
}

# fuzz_folders prints the folders that have fuzz tests.
fuzz_folders() { sources '*_test.go' | xargs -0 grep -l '^func Fuzz' | xargs -n1 dirname | sort -u; }
