// Leat is a SQL streaming database: a replicated log whose streams are queried with continuous SQL, over the Postgres
// wire protocol. This is its one binary; see leat help.
package main

import (
	"fmt"
	"os"
	"runtime"
	_ "time/tzdata" // time zones also where the system has none

	"github.com/leatdb/leat/cluster"
)

// version is set by the build (-ldflags "-X main.version=…").
var version = "0.1"

const usage = `Leat, a SQL streaming database.

Usage:
  leat start [flags]    run the server; leat start -h lists the flags
  leat status [flags]   show the nodes of a cluster; leat status -h lists the flags
  leat drain N [flags]  take a node's vote and leadership from it
  leat remove N [flags] take a node out of the cluster
  leat backup [flags]   make a backup of a server, which may run meanwhile
  leat restore [flags]  make a data directory of a backup
  leat version          print the version
  leat help             print this

Start it, then connect with psql:
  leat start
  psql -h 127.0.0.1 -p 5433 -U leat
`

func main() {
	if len(os.Args) < 2 {
		fmt.Print(usage)
		return
	}
	var err error
	switch os.Args[1] {
	case "start":
		err = start(os.Args[2:])
	case "backup":
		err = backup(os.Args[2:])
	case "restore":
		err = restore(os.Args[2:])
	case "status", "drain", "remove":
		err = manage(os.Args[1], os.Args[2:])
	case "version", "--version", "-v":
		l := cluster.OwnLevels()
		fmt.Printf("leat %s (%s, %s/%s), levels %d to %d\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH,
			l.Min, l.Max)
	case "help", "--help", "-h":
		fmt.Print(usage)
	default:
		fmt.Fprintf(os.Stderr, "leat: unknown command %q\n\n%s", os.Args[1], usage)
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "leat: %v\n", err)
		os.Exit(1)
	}
}
