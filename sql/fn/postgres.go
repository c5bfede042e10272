package fn

import "slices"

// postgresSections lists the functions of PostgreSQL that are not in declarations.go, by subject.
func postgresSections() [][]Scalar {
	return [][]Scalar{
		jsonAccessDecls(), jsonChangeDecls(), jsonBuildDecls(), jsonRecordDecls(), pathDecls(), regexMatchDecls(),
		trigDecls(), wholeDecls(), arrayChangeDecls(), byteDecls(), unicodeDecls(), catalogDecls(), sequenceDecls(),
		networkDecls(), networkMathDecls(), transactionDecls(), hashDecls(),
		callerDecls(), controlDecls(),
	}
}

// postgresTables lists the set-returning functions of PostgreSQL.
func postgresTables() []Table {
	return slices.Concat(jsonTableDecls(), jsonRowDecls(),
		pathTableDecls(), regexTableDecls(), unnestDecls(), splitDecls(), catalogTables(),
		aclTables(), describeTables(), absentTables())
}

// postgresAggregates lists the aggregate functions of PostgreSQL that are not in declarations.go.
func postgresAggregates() []Aggregate {
	return slices.Concat(statisticDecls(), bitAggDecls(), orderedSetDecls(), jsonAggDecls())
}
