package fn

import (
	"context"
	"math"
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Caller is the session that runs a statement, to the functions that do something in it.
type Caller interface {
	// Running is done when the statement is to end.
	Running() context.Context
	// Random is what random draws from.
	Random() *Random
	// Lock takes an advisory lock. It does not wait, and may not get it, when the lock is only tried.
	Lock(l AdvisoryLock) (got bool, err error)
	// Unlock gives up a lock of the session, or with nil all of them, and reports whether there was one.
	Unlock(l *AdvisoryLock) bool
}

// AdvisoryLock is a lock whose meaning only clients know, by one number or by two.
type AdvisoryLock struct {
	Key         int64
	Pair        bool
	Shared      bool
	Transaction bool // it is given up at the transaction's end and not before
	Try         bool
}

// Random draws random numbers: PostgreSQL's once it is seeded.
type Random struct {
	s0, s1 uint64
	seeded bool
}

// Seeded reports whether the numbers are those of a seed.
func (x *Random) Seeded() bool { return x.seeded }

// Seed begins the sequence of numbers that belongs to seed.
func (x *Random) Seed(seed float64) {
	at := uint64(int64((1<<52 - 1) * seed))
	next := func() uint64 { // splitmix64
		at += 0x9E3779B97F4A7C15
		v := (at ^ at>>30) * 0xBF58476D1CE4E5B9
		v = (v ^ v>>27) * 0x94D049BB133111EB
		return v ^ v>>31
	}
	x.s0, x.s1, x.seeded = next(), next(), true
}

// Float64 draws a number from 0 up to, not including, 1.
func (x *Random) Float64() float64 {
	if !x.seeded {
		return rand.Float64()
	}
	s0, s1 := x.s0, x.s1^x.s0 // xoroshiro128**
	v := bits.RotateLeft64(s0*5, 7) * 9
	x.s0 = bits.RotateLeft64(s0, 24) ^ s1 ^ s1<<16
	x.s1 = bits.RotateLeft64(s1, 37)
	return math.Ldexp(float64(v>>12), -52)
}

func random(r Row, out *vec.Column) error {
	if r.Env.Caller == nil {
		out.AppendFloat(rand.Float64())
	} else {
		out.AppendFloat(r.Env.Caller.Random().Float64())
	}
	return nil
}

// callerDecls declares what a statement does in its session: wait, seed, lock.
func callerDecls() []Scalar {
	f8, void := types.Float8, types.Void
	var fs []Scalar
	add := func(name string, args []types.Type, ret types.Type, f func(r Row, out *vec.Column) error, summary string) {
		fs = append(fs, Scalar{Name: name, Args: args, Ret: ret, Strict: true, Volatile: true,
			Kernel: rowwise(func(r Row, out *vec.Column) error {
				if r.Env.Caller == nil {
					return sqlerr.New(sqlerr.FeatureNotSupported, "function %s needs a session", name)
				}
				err := f(r, out)
				if err == nil && ret == void {
					out.AppendString("")
				}
				return err
			}), Doc: Doc{Category: "session", Summary: summary}})
	}
	add("setseed", in(f8), void, func(r Row, _ *vec.Column) error {
		seed := r.Float(0)
		if !(seed >= -1 && seed <= 1) {
			return sqlerr.New(sqlerr.InvalidParameterValue, "setseed parameter %s is out of allowed range [-1,1]",
				types.AppendFloat8(nil, seed))
		}
		r.Env.Caller.Random().Seed(seed)
		return nil
	}, "Lets random begin the sequence of numbers that belongs to a number from -1 to 1, the same as PostgreSQL's.")
	add("pg_sleep", in(f8), void, func(r Row, _ *vec.Column) error {
		return sleep(r, r.Float(0))
	}, "Waits for so many seconds.")
	add("pg_sleep_for", in(types.IntervalType), void, func(r Row, _ *vec.Column) error {
		v := r.Ivl(0)
		days := float64(v.Months)*30 + float64(v.Days)
		return sleep(r, days*86400+float64(v.Micros)/1e6)
	}, "Waits for some time.")
	add("pg_sleep_until", in(types.TimestampTZ), void, func(r Row, _ *vec.Column) error {
		return sleep(r, float64(r.Int(0)-time.Now().UnixMicro())/1e6)
	}, "Waits until a time.")
	advisoryDecls(add)
	return fs
}

func sleep(r Row, seconds float64) error {
	if !(seconds > 0) {
		return nil
	}
	t := time.NewTimer(time.Duration(min(seconds*float64(time.Second), math.MaxInt64/2)))
	defer t.Stop()
	ctx := r.Env.Caller.Running()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return canceled(ctx)
	}
}

// canceled is why a statement whose context is done ends.
func canceled(ctx context.Context) error {
	why := "user request"
	if ctx.Err() == context.DeadlineExceeded {
		why = "statement timeout"
	}
	return sqlerr.New(sqlerr.QueryCanceled, "canceling statement due to %s", why)
}

// advisoryDecls declares the functions of advisory locks.
func advisoryDecls(add func(name string, args []types.Type, ret types.Type, f func(r Row, out *vec.Column) error,
	summary string)) {
	i8, i4 := types.Int8, types.Int4
	for _, args := range [][]types.Type{in(i8), in(i4, i4)} {
		for _, shared := range []bool{false, true} {
			suffix, what := "", "Takes a lock by a number or two"
			if shared {
				suffix, what = "_shared", "Takes a lock that others may share by a number or two"
			}
			for _, tx := range []bool{false, true} {
				infix, until := "", ", until it is given up or the session ends"
				if tx {
					infix, until = "xact_", ", until the transaction ends"
				}
				add("pg_advisory_"+infix+"lock"+suffix, args, types.Void, func(r Row, _ *vec.Column) error {
					_, err := r.Env.Caller.Lock(advisoryLock(r, shared, tx, false))
					return err
				}, what+until+".")
				add("pg_try_advisory_"+infix+"lock"+suffix, args, types.Bool, func(r Row, out *vec.Column) error {
					got, err := r.Env.Caller.Lock(advisoryLock(r, shared, tx, true))
					if err == nil {
						out.AppendBool(got)
					}
					return err
				}, what+" if nobody else has it"+until+".")
			}
			add("pg_advisory_unlock"+suffix, args, types.Bool, func(r Row, out *vec.Column) error {
				l := advisoryLock(r, shared, false, false)
				out.AppendBool(r.Env.Caller.Unlock(&l))
				return nil
			}, "Gives up a lock of the session; false when it has none.")
		}
	}
	add("pg_advisory_unlock_all", nil, types.Void, func(r Row, _ *vec.Column) error {
		r.Env.Caller.Unlock(nil)
		return nil
	}, "Gives up all locks of the session.")
}

func advisoryLock(r Row, shared, tx, try bool) AdvisoryLock {
	l := AdvisoryLock{Key: r.Int(0), Shared: shared, Transaction: tx, Try: try}
	if r.Args() == 2 {
		l.Key, l.Pair = r.Int(0)<<32|int64(uint32(r.Int(1))), true
	}
	return l
}
