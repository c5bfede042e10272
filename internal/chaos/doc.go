// Package chaos ill-treats a cluster of real servers and checks what its clients saw.
//
// Every node runs in a network namespace of its own, and so do the clients. A [Network] connects them: each namespace
// has a TUN device whose packets this process passes on, late, or not at all, as it is told for every link and
// direction. Nothing of the machine's own network changes, several runs do not meet, and nothing is left of it when
// the process ends, however it does. It needs to be root, and /dev/net/tun.
//
// Every node's data lie on a [Disk], a file system of this process (FUSE) over a directory of the machine. It passes
// everything on, and keeps beside it what the disk has of each block and each name that was not made durable since. So
// it can do what a power cut does, once the process has been killed: put that back, but for a random part; and what a
// failed fsync does: say so once, and drop what should have been written. It fails writes and reads, is slow, and
// rots, as it is told. It takes /dev/fuse besides. A start of a node after a power cut mounts it anew, so that nothing
// is left in the kernel's cache. A run that is killed leaves its mounts behind, which answer nobody: the next run ends
// them ([Detach]).
//
// Servers are built with a clock of their own (go build -overlay, of the standard library's package time): a file says
// how far it is off. The clock that never jumps, by which timers run, stays as it is.
//
// The test of this package (build tag clients) takes faults from a seed: it kills and stops nodes, cuts their power,
// of one or of all at once, cuts, slows down and disturbs links, fills a disk, has disks fail and be slow, sets the
// clock of a node off, replaces nodes and restarts them one after the other, while clients write and read over both
// doors. What they saw is checked, while it runs and at its end:
//
//   - appends and reads of a stream are linearizable (internal/linear), also where producers of Kafka's append at the
//     leader of a spread partition and SQL reads at any node, and what nodes say of where it ends ([CheckEnds]);
//   - serializable transactions are, in the order of real time (internal/serial);
//   - records of Kafka's producers are there once and in order, all that were acknowledged, and those of a transaction
//     all or none, and nobody has read anything else where they are ([Topic]);
//   - what a push query gives adds up to what a pull query shows, with no change missing or twice ([Changes]);
//   - what a session sees that reads stale is the answer over a prefix, and none shorter than before ([Prefixes]);
//   - views are what their queries give, and a total that transfers do not change is the same in every answer;
//   - what a transaction of Kafka's has written to home topics and spread ones adds up in every answer of SQL, fresh
//     or stale, and in what a push query has shown;
//   - records that processors copy from a spread topic to another one, with their offsets in the transaction, are
//     there once;
//   - the leaders of spread shards are balanced again when all nodes are well;
//   - the nodes' partitions are the same to the byte.
//
// Each of the checkers has a test that gives it histories with every kind of fault that it is to find.
package chaos
