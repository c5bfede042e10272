package fn

import "slices"

// sections lists the declarations by subject, in the order in which the reference prints them. A function without a
// category has that of the one before it.
func sections() [][]Scalar {
	text := textDecls()
	cut := cutDecls()
	return append([][]Scalar{
		arithDecls(), compareDecls(), nullDecls(), mathDecls(), bitDecls(),
		text, cut, joinDecls(),
		alias("char_length", "length", text[:2]), alias("character_length", "length", text[:2]),
		alias("len", "length", text), alias("ucase", "upper", text), alias("lcase", "lower", text),
		alias("instr", "strpos", text),
		likeDecls(), regexDecls(),
		calendarDecls(), nowDecls(), fieldDecls(), makeDecls(), formatDecls(), readDecls(), overlapDecls(),
		numberFormatDecls(),
		arrayDecls(), enumDecls(), sessionDecls(),
	}, slices.Concat(postgresSections(), ksqlSections())...)
}

// aggregateDeclarations lists the aggregate functions.
func aggregateDeclarations() []Aggregate {
	return slices.Concat(countDecls(), sumDecls(), minMaxDecls(), listDecls(), postgresAggregates(),
		ksqlAggregates())
}

// tableDeclarations lists the set-returning functions.
func tableDeclarations() []Table {
	return slices.Concat(seriesDecls(), postgresTables(), explodeDecls())
}
