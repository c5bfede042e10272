package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// tpchTable is a table of TPC-H: how it is made, and its rows as CSV.
type tpchTable struct {
	name, columns string
	rows          func(g *tpchGenerator, out *csvWriter)
}

// tpchTables are the eight tables, with the keys of the specification.
var tpchTables = []tpchTable{
	{"region", "r_regionkey integer, r_name char(25), r_comment varchar(152), PRIMARY KEY (r_regionkey)",
		(*tpchGenerator).region},
	{"nation", "n_nationkey integer, n_name char(25), n_regionkey integer, n_comment varchar(152), " +
		"PRIMARY KEY (n_nationkey)", (*tpchGenerator).nation},
	{"supplier", "s_suppkey integer, s_name char(25), s_address varchar(40), s_nationkey integer, s_phone char(15), " +
		"s_acctbal numeric(15,2), s_comment varchar(101), PRIMARY KEY (s_suppkey)", (*tpchGenerator).supplier},
	{"part", "p_partkey integer, p_name varchar(55), p_mfgr char(25), p_brand char(10), p_type varchar(25), " +
		"p_size integer, p_container char(10), p_retailprice numeric(15,2), p_comment varchar(23), " +
		"PRIMARY KEY (p_partkey)", (*tpchGenerator).part},
	{"partsupp", "ps_partkey integer, ps_suppkey integer, ps_availqty integer, ps_supplycost numeric(15,2), " +
		"ps_comment varchar(199), PRIMARY KEY (ps_partkey, ps_suppkey)", (*tpchGenerator).partsupp},
	{"customer", "c_custkey integer, c_name varchar(25), c_address varchar(40), c_nationkey integer, c_phone char(15), " +
		"c_acctbal numeric(15,2), c_mktsegment char(10), c_comment varchar(117), PRIMARY KEY (c_custkey)",
		(*tpchGenerator).customer},
	{"orders", "o_orderkey integer, o_custkey integer, o_orderstatus char(1), o_totalprice numeric(15,2), " +
		"o_orderdate date, o_orderpriority char(15), o_clerk char(15), o_shippriority integer, o_comment varchar(79), " +
		"PRIMARY KEY (o_orderkey)", (*tpchGenerator).orders},
	{"lineitem", "l_orderkey integer, l_partkey integer, l_suppkey integer, l_linenumber integer, " +
		"l_quantity numeric(15,2), l_extendedprice numeric(15,2), l_discount numeric(15,2), l_tax numeric(15,2), " +
		"l_returnflag char(1), l_linestatus char(1), l_shipdate date, l_commitdate date, l_receiptdate date, " +
		"l_shipinstruct char(25), l_shipmode char(10), l_comment varchar(44), PRIMARY KEY (l_orderkey, l_linenumber)",
		(*tpchGenerator).lineitem},
}

// tpchGenerator makes the data of TPC-H, in the distributions of the specification's section 4.2.3 but with random
// numbers of its own: the same for the same scale.
type tpchGenerator struct {
	scale float64
	r     *rand.Rand
}

// newTPCH returns a generator for a table; those of orders and lineitem draw the same numbers.
func newTPCH(scale float64, seed uint64) *tpchGenerator {
	return &tpchGenerator{scale: scale, r: rand.New(rand.NewPCG(seed, 15))}
}

// csvWriter collects rows; no value of TPC-H needs quotes.
type csvWriter struct {
	bytes.Buffer
	begun bool
}

func (w *csvWriter) field(s string) *csvWriter {
	if w.begun {
		w.WriteByte(',')
	}
	w.begun = true
	w.WriteString(s)
	return w
}

func (w *csvWriter) int(n int) *csvWriter { return w.field(strconv.Itoa(n)) }

// cents writes hundredths.
func (w *csvWriter) cents(n int) *csvWriter {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	return w.field(fmt.Sprintf("%s%d.%02d", sign, n/100, n%100))
}

func (w *csvWriter) date(day int) *csvWriter {
	return w.field(tpchFirstDay.AddDate(0, 0, day).Format(time.DateOnly))
}

func (w *csvWriter) end() {
	w.WriteByte('\n')
	w.begun = false
}

var (
	tpchFirstDay = time.Date(1992, 1, 1, 0, 0, 0, 0, time.UTC)
	tpchToday    = tpchDay(1995, 6, 17)
	tpchLastDay  = tpchDay(1998, 12, 31)
)

func tpchDay(year, month, day int) int {
	return int(time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Sub(tpchFirstDay).Hours() / 24)
}

var (
	tpchRegions = strings.Fields("AFRICA AMERICA ASIA EUROPE MIDDLE_EAST")
	tpchNations = strings.Fields(`ALGERIA:0 ARGENTINA:1 BRAZIL:1 CANADA:1 EGYPT:4 ETHIOPIA:0 FRANCE:3 GERMANY:3 INDIA:2
		INDONESIA:2 IRAN:4 IRAQ:4 JAPAN:2 JORDAN:4 KENYA:0 MOROCCO:0 MOZAMBIQUE:0 PERU:1 CHINA:2 ROMANIA:3
		SAUDI_ARABIA:4 VIETNAM:2 RUSSIA:3 UNITED_KINGDOM:3 UNITED_STATES:1`)
	tpchColours = strings.Fields(`almond antique aquamarine azure beige bisque black blanched blue blush brown burlywood
		burnished chartreuse chiffon chocolate coral cornflower cornsilk cream cyan dark deep dim dodger drab firebrick
		floral forest frosted gainsboro ghost goldenrod green grey honeydew hot indian ivory khaki lace lavender lawn
		lemon light lime linen magenta maroon medium metallic midnight mint misty moccasin navajo navy olive orange
		orchid pale papaya peach peru pink plum powder puff purple red rose rosy royal saddle salmon sandy seashell
		sienna sky slate smoke snow spring steel tan thistle tomato turquoise violet wheat white yellow`)
	tpchTypes = [3][]string{strings.Fields("STANDARD SMALL MEDIUM LARGE ECONOMY PROMO"),
		strings.Fields("ANODIZED BURNISHED PLATED POLISHED BRUSHED"), strings.Fields("TIN NICKEL BRASS STEEL COPPER")}
	tpchContainers = [2][]string{strings.Fields("SM LG MED JUMBO WRAP"),
		strings.Fields("CASE BOX BAG JAR PKG PACK CAN DRUM")}
	tpchSegments   = strings.Fields("AUTOMOBILE BUILDING FURNITURE MACHINERY HOUSEHOLD")
	tpchPriorities = strings.Fields("1-URGENT 2-HIGH 3-MEDIUM 4-NOT_SPECIFIED 5-LOW")
	tpchInstructs  = strings.Fields("DELIVER_IN_PERSON COLLECT_COD NONE TAKE_BACK_RETURN")
	tpchModes      = strings.Fields("REG_AIR AIR RAIL SHIP TRUCK MAIL FOB")
	tpchWords      = strings.Fields(`packages requests accounts deposits foxes ideas theodolites instructions
		dependencies excuses platelets asymptotes courts dolphins special pending unusual express furious sly careful
		blithe quick fluffy slow quiet ruthless thin close dogged daring brave stealthy permanent enticing idle busy
		regular final ironic even bold silent sleep wake are cajole haggle nag use boost affix detect integrate maintain
		nod was lose sublate solve thrash promise engage hinder print x-ray breach eat grow impress mold poach serve run
		dazzle snooze doze unwind kindle play hang believe doubt`)
)

// of picks one, with blanks where the lists above have underscores.
func (g *tpchGenerator) of(list []string) string {
	return strings.ReplaceAll(list[g.r.IntN(len(list))], "_", " ")
}

// between draws a number from lo to hi.
func (g *tpchGenerator) between(lo, hi int) int { return lo + g.r.IntN(hi-lo+1) }

// text is words of about so many bytes, at least a half of most.
func (g *tpchGenerator) text(most int) string {
	n := g.between(most*2/5, most)
	var b strings.Builder
	for b.Len() < n {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(tpchWords[g.r.IntN(len(tpchWords))])
	}
	return b.String()[:min(n, b.Len())]
}

func (g *tpchGenerator) phone(nation int) string {
	return fmt.Sprintf("%d-%d-%d-%d", nation+10, g.between(100, 999), g.between(100, 999), g.between(1000, 9999))
}

// count scales the size of a table.
func (g *tpchGenerator) count(n int) int { return int(float64(n) * g.scale) }

func (g *tpchGenerator) region(out *csvWriter) {
	for i, name := range tpchRegions {
		out.int(i).field(strings.ReplaceAll(name, "_", " ")).field(g.text(100)).end()
	}
}

func (g *tpchGenerator) nation(out *csvWriter) {
	for i, n := range tpchNations {
		name, region, _ := strings.Cut(n, ":")
		out.int(i).field(strings.ReplaceAll(name, "_", " ")).field(region).field(g.text(100)).end()
	}
}

func (g *tpchGenerator) supplier(out *csvWriter) {
	for i := range g.count(10_000) {
		nation := g.r.IntN(25)
		comment := g.text(95)
		switch i % 1000 { // one in two thousand is complained about, as many are recommended
		case 17:
			comment = comment[:20] + "Customer slow Complaints"
		case 717:
			comment = comment[:20] + "Customer quick Recommends"
		}
		out.int(i + 1).field(fmt.Sprintf("Supplier#%09d", i+1)).field(g.text(35)).int(nation).field(g.phone(nation)).
			cents(g.between(-99999, 999999)).field(comment).end()
	}
}

func tpchRetailPrice(part int) int { return 90_000 + part/10%20_001 + 100*(part%1000) }

func (g *tpchGenerator) part(out *csvWriter) {
	for i := range g.count(200_000) {
		var name []string
		for _, c := range g.r.Perm(len(tpchColours))[:5] {
			name = append(name, tpchColours[c])
		}
		maker := g.between(1, 5)
		out.int(i + 1).field(strings.Join(name, " ")).field(fmt.Sprintf("Manufacturer#%d", maker)).
			field(fmt.Sprintf("Brand#%d%d", maker, g.between(1, 5))).
			field(g.of(tpchTypes[0]) + " " + g.of(tpchTypes[1]) + " " + g.of(tpchTypes[2])).int(g.between(1, 50)).
			field(g.of(tpchContainers[0]) + " " + g.of(tpchContainers[1])).cents(tpchRetailPrice(i + 1)).
			field(g.text(20)).end()
	}
}

// supplierOf is the i-th of the four suppliers of a part.
func (g *tpchGenerator) supplierOf(part, i int) int {
	s := g.count(10_000)
	return (part+i*(s/4+(part-1)/s))%s + 1
}

func (g *tpchGenerator) partsupp(out *csvWriter) {
	for p := range g.count(200_000) {
		for i := range 4 {
			out.int(p + 1).int(g.supplierOf(p+1, i)).int(g.between(1, 9999)).cents(g.between(100, 100_000)).
				field(g.text(190)).end()
		}
	}
}

func (g *tpchGenerator) customer(out *csvWriter) {
	for i := range g.count(150_000) {
		nation := g.r.IntN(25)
		out.int(i + 1).field(fmt.Sprintf("Customer#%09d", i+1)).field(g.text(35)).int(nation).field(g.phone(nation)).
			cents(g.between(-99999, 999999)).field(g.of(tpchSegments)).field(g.text(110)).end()
	}
}

// tpchLine is a line of an order.
type tpchLine struct {
	part, supplier, quantity, price, discount, tax, shipped, committed, received int
}

// eachOrder draws the orders with their lines.
func (g *tpchGenerator) eachOrder(f func(key, customer, day int, lines []tpchLine)) {
	customers, parts := g.count(150_000), g.count(200_000)
	for i := range g.count(1_500_000) {
		customer := g.between(1, customers)
		for customer%3 == 0 { // a third of them never orders
			customer = g.between(1, customers)
		}
		day := g.between(0, tpchLastDay-151)
		lines := make([]tpchLine, g.between(1, 7))
		for k := range lines {
			l := tpchLine{part: g.between(1, parts), quantity: g.between(1, 50), discount: g.between(0, 10),
				tax: g.between(0, 8), shipped: day + g.between(1, 121), committed: day + g.between(30, 90)}
			l.supplier = g.supplierOf(l.part, g.r.IntN(4))
			l.price = l.quantity * tpchRetailPrice(l.part)
			l.received = l.shipped + g.between(1, 30)
			lines[k] = l
		}
		f(i/8*32+i%8+1, customer, day, lines)
	}
}

func (g *tpchGenerator) orders(out *csvWriter) {
	words := newTPCH(g.scale, 99)
	g.eachOrder(func(key, customer, day int, lines []tpchLine) {
		total, open := 0, 0
		for _, l := range lines {
			total += l.price * (100 - l.discount) * (100 + l.tax) / 10_000
			if l.shipped > tpchToday {
				open++
			}
		}
		status := "P"
		switch open {
		case 0:
			status = "F"
		case len(lines):
			status = "O"
		}
		out.int(key).int(customer).field(status).cents(total).date(day).field(words.of(tpchPriorities)).
			field(fmt.Sprintf("Clerk#%09d", words.between(1, max(1, words.count(1000))))).int(0).field(words.text(75)).end()
	})
}

func (g *tpchGenerator) lineitem(out *csvWriter) {
	words := newTPCH(g.scale, 98)
	g.eachOrder(func(key, _, _ int, lines []tpchLine) {
		for k, l := range lines {
			flag, status := "N", "F"
			if l.received <= tpchToday {
				flag = words.of([]string{"R", "A"})
			}
			if l.shipped > tpchToday {
				status = "O"
			}
			out.int(key).int(l.part).int(l.supplier).int(k + 1).cents(l.quantity * 100).cents(l.price).cents(l.discount).
				cents(l.tax).field(flag).field(status).date(l.shipped).date(l.committed).date(l.received).
				field(words.of(tpchInstructs)).field(words.of(tpchModes)).field(words.text(40)).end()
		}
	})
}
