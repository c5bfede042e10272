package chaos

import "fmt"

// Prefixes checks what one session sees of a bank in which money is transferred from account to account, each transfer
// noted in several places by one transaction: every answer is that over a prefix of the transfers, and none over a
// shorter one than the answer before.
type Prefixes struct {
	seen int64 // transfers
}

// An Answer is what one statement gave.
type Answer struct {
	Balance, Total int64   // of all accounts, by a query and by a view
	Transfers      int64   // by a query of a table
	Acked          int64   // transfers that were acknowledged before it was asked; 0 when it may be of before
	Noted          []int64 // the same by other queries and views
	Differs        int64   // rows in which a view differs from what it is of
	Where          string  // it was asked, for the message
}

// Take takes the next answer of the session.
func (p *Prefixes) Take(a *Answer) error {
	before := p.seen
	p.seen = max(p.seen, a.Transfers)
	switch {
	case a.Balance != 0 || a.Total != 0:
		return fmt.Errorf("%s: the balance is %d, and %d by the view", a.Where, a.Balance, a.Total)
	case a.Differs != 0:
		return fmt.Errorf("%s: %d rows of a view are not those of its query", a.Where, a.Differs)
	case a.Transfers < a.Acked:
		return fmt.Errorf("%s: %d transfers, where %d were acknowledged", a.Where, a.Transfers, a.Acked)
	case a.Transfers < before:
		return fmt.Errorf("%s: %d transfers, where the session has seen %d", a.Where, a.Transfers, before)
	}
	for i, n := range a.Noted {
		if n != a.Transfers {
			return fmt.Errorf("%s: %d transfers, and %d by count %d", a.Where, a.Transfers, n, i)
		}
	}
	return nil
}
