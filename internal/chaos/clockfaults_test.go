//go:build clients && linux

package chaos

import (
	"time"
)

// jumps are how far clocks are off: as after a summer time that somebody has set by hand, or a battery that is empty.
var jumps = []time.Duration{
	time.Hour, -time.Hour, 26 * time.Hour, -26 * time.Hour, 10 * 365 * 24 * time.Hour, -10 * 365 * 24 * time.Hour,
}

// jump sets the clock of a node, which stays so until the next time: the other ones' is right.
func (n *nemesis) jump(p draw) {
	v := n.victim(p)
	off := jumps[p.which%len(jumps)]
	n.say("the clock of node %d is %v off", v.number, off)
	n.off(v, off)
	n.wait(p.last)
}

// off sets the clock of one node off, and those of the others right.
func (n *nemesis) off(v *node, off time.Duration) {
	for _, other := range n.list() {
		set := time.Duration(0)
		if other == v {
			set = off
		}
		if err := other.setClock(set); err != nil {
			n.t.Error(err)
		}
	}
}

// drift has the clock of a node run up to twice as fast, or stand still.
func (n *nemesis) drift(p draw) {
	v := n.victim(p)
	const steps = 50
	rate := 2*p.share - 1
	for i := range steps {
		n.off(v, time.Duration(rate*float64(i)*float64(p.last)/steps))
		n.wait(p.last / steps)
	}
}
