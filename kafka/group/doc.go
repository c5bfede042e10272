// Package group coordinates consumer groups: who is a member, and who works on what.
//
// A [Coordinator] takes the requests of Kafka's protocol and gives its responses. It knows two protocols. In the
// classic one the members of a group stop together, join (join.go), and one of them, the leader, says what each of
// them does (sync.go). What the group is about is opaque here, so Connect and Streams work too. In the newer one
// (KIP-848, consumer.go) the coordinator assigns partitions itself (assign.go), and moves one member after the other:
// nobody gets a partition before its last owner has said that it has given it up. A group is of one protocol until its
// last member has gone.
//
//	            first member joins
//	┌────────┐ ──────────────────▶ ┌───────────┐  all have joined, or  ┌────────────┐
//	│ empty  │                     │ preparing │  the time is up       │ completing │
//	└────────┘ ◀────────────────── └───────────┘ ────────────────────▶ └────────────┘
//	            the last one leaves   ▲     ▲                              │   │ the leader has
//	                                  │     └──────────────────────────────┘   │ said who does what
//	               somebody joins,    │        somebody joins or leaves        ▼
//	               leaves or is lost  │                                 ┌────────────┐
//	                                  └──────────────────────────────── │   stable   │
//	                                                                    └────────────┘
//
// # Invariants
//
//  1. A group's fields belong to its mutex. It is held while the group is stored, so what is stored is in order.
//  2. A group has one timer a member, for its session, and one for the rebalance. A timer that fires looks at the time
//     again under the mutex: it may have been put off meanwhile.
//  3. What members were told of a generation is stored first: after a restart the group goes on, with its members, from
//     the generation that it had, and never from an older one.
//  4. A group without members is not in memory.
package group
