// Package equiv holds a test: whatever is written, in whatever order, with whatever restarts between, a maintained view
// shows what its query gives when it is asked once over the same base relations, and what PostgreSQL gives.
//
// A history is drawn from a seed: relations, views over them, rows, transactions, restarts and comparisons. It runs in
// process, through sessions and without sockets. Push queries run beside it, and their changes must add up to the same.
// When a comparison fails, statements are dropped from the history as long as it still fails, and the script that is
// left is printed.
//
//	go test ./internal/equiv -histories 5000 -seed 7   more of them, and where they start
//	go test -tags clients ./internal/equiv             the same against PostgreSQL
//
// expr_test.go draws expressions, query_test.go queries, windowtable_test.go window functions in FROM, history_test.go
// histories; run_test.go runs one, follow_test.go its push queries, and shrink_test.go makes it small.
package equiv
