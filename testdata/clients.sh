# What the installers of clients share; to be sourced, with the directory that is given to them as $1 and what the clients are
# of as $of. What is there already stays.
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
build=$(cd "$1" && pwd)

# need FILE PACKAGE...: installs packages of the system unless a command, or a file that they bring, is there.
need() {
	local file=$1
	shift
	command -v "$file" >/dev/null || compgen -G "$file" >/dev/null && return
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "the clients of $of need $file: install $*" >&2
		exit 1
	fi
	[ -n "${updated:-}" ] || apt-get update -qq
	updated=1
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null
}

# once NAME FILE COMMAND: runs a command with them, unless it was run for the same content of the file.
once() {
	local mark="$build/$1.done"
	cmp -s "$mark" "$2" && return
	rm -rf "$mark" "${build:?}/$1"
	"$3" "$1" "$2"
	cp "$2" "$mark"
}

# python NAME REQUIREMENTS
python() {
	python3 -m venv "$build/$1"
	"$build/$1/bin/pip" install -q --disable-pip-version-check -r "$2"
}

# java NAME POM
java() {
	mvn -q -B -Dstyle.color=never -f "$2" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
		-DoutputDirectory="$build/$1/lib" -Dmdep.useBaseVersion=true
}

# node NAME PACKAGE
node() {
	mkdir -p "$build/$1"
	cp "$2" "$build/$1"
	(cd "$build/$1" && npm install --silent --no-audit --no-fund)
}

need python3 python3 python3-venv
need javac default-jdk-headless
need mvn maven
need npm npm
