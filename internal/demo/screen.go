package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"
)

const (
	frameTime  = 80 * time.Millisecond
	rateTime   = time.Second // over which rates are measured
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	clearDown  = "\x1b[0J"
	clearRight = "\x1b[K"
)

// The parts of a line that are set off, unless NO_COLOR says otherwise.
var bold, dim, amber, plain = "\x1b[1m", "\x1b[2m", "\x1b[33m", "\x1b[0m"

func init() {
	if os.Getenv("NO_COLOR") != "" {
		bold, dim, amber, plain = "", "", "", ""
	}
}

// watch runs the replay and draws the view while it does.
func watch(ctx context.Context, out *os.File, r *replay, v *view) error {
	s := screen{out: out}
	s.write(hideCursor)
	defer s.write(showCursor)
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { done <- r.run(ctx) }()
	ticker := time.NewTicker(frameTime)
	defer ticker.Stop()
	for {
		var replayed error
		ended := false
		select {
		case replayed = <-done:
			ended = true
		case <-ticker.C:
		}
		rows, err := v.now()
		if err == nil {
			s.draw(r.progress(), rows, v.changes.Load())
		}
		if ended {
			s.write("\n")
			return replayed
		}
		if err != nil {
			cancel()
			<-done
			return err
		}
	}
}

// screen draws frames one over the other.
type screen struct {
	out   *os.File
	lines int // of the last frame
	rates []sample
}

// sample is what had been done at a moment.
type sample struct {
	at      time.Time
	sent    int
	changes int64
}

func (s *screen) write(text string) {
	_, _ = io.WriteString(s.out, text) // a terminal that is gone ends the demo with SIGHUP
}

// draw shows a frame in place of the last one.
func (s *screen) draw(p progress, rows map[place]delays, changes int64) {
	width, height, err := term.GetSize(int(s.out.Fd()))
	if err != nil || width < 20 || height < 5 {
		width, height = 80, 24
	}
	sent, changed := s.rate(p, changes)
	lines := frame(p, rows, min(width, 100), height, sent, changed)
	var b strings.Builder
	if s.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", s.lines)
	}
	b.WriteString("\r")
	for _, l := range lines {
		b.WriteString(l + clearRight + "\n")
	}
	b.WriteString(clearDown)
	s.lines = len(lines)
	s.write(b.String())
}

// rate returns flights and changes a second.
func (s *screen) rate(p progress, changes int64) (float64, float64) {
	now := sample{time.Now(), p.sent, changes}
	s.rates = append(s.rates, now)
	for len(s.rates) > 2 && now.at.Sub(s.rates[1].at) >= rateTime {
		s.rates = s.rates[1:]
	}
	from := s.rates[0]
	passed := now.at.Sub(from.at).Seconds()
	if passed == 0 {
		return 0, 0
	}
	return float64(now.sent-from.sent) / passed, float64(now.changes-from.changes) / passed
}

// frame is the lines of a frame: what is asked, its answer now, and the progress.
func frame(p progress, rows map[place]delays, width, height int, sent, changed float64) []string {
	lines := []string{
		bold + cut("SELECT … FROM city_delays EMIT CHANGES", width) + plain,
		dim + cut(fmt.Sprintf("%-28s %8s  %9s  %7s", "city", "flights", "average", "longest"), width) + plain,
	}
	shown := busiest(rows, max(1, min(15, height-6)))
	var most int64 = 1
	if len(shown) > 0 {
		most = shown[0].flights
	}
	for _, c := range shown {
		name := cut(c.city+", "+c.state, 28)
		text := fmt.Sprintf("%-28s %8s  %5.1f min  %3d min", name, thousands(c.flights), c.average, c.worst)
		if room := width - 58; room > 4 {
			text += "  " + amber + bar(float64(c.flights)/float64(most), room) + plain
		} else {
			text = cut(text, width)
		}
		lines = append(lines, text)
	}
	return append(lines, "", progressLine(p, width, sent, changed))
}

func progressLine(p progress, width int, sent, changed float64) string {
	part := 1.0
	if all := p.last.Sub(p.first); all > 0 {
		part = float64(p.now.Sub(p.first)) / float64(all)
	}
	left := p.now.Format("Mon Jan _2 2006 15:04") + "  "
	right := fmt.Sprintf("  %3.0f%%  %s flights, %.0f/s in, %.0f/s out", 100*part, thousands(int64(p.sent)), sent, changed)
	room := width - len(left) - len(right)
	if room < 5 {
		return cut(left+right, width)
	}
	done := bar(part, room)
	return left + amber + done + plain + dim + strings.Repeat("·", room-len([]rune(done))) + plain + right
}

// city is a row of the view.
type city struct {
	place
	delays
}

// busiest returns the n cities with the most flights.
func busiest(rows map[place]delays, n int) []city {
	var all []city
	for at, d := range rows {
		all = append(all, city{at, d})
	}
	slices.SortFunc(all, func(a, b city) int {
		return cmp.Or(cmp.Compare(b.flights, a.flights), cmp.Compare(a.city, b.city), cmp.Compare(a.state, b.state))
	})
	return all[:min(n, len(all))]
}

// bar draws a part of room cells, to an eighth of a cell.
func bar(part float64, room int) string {
	eighths := int(min(max(part, 0), 1) * float64(room) * 8)
	text := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		text += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return text
}

// cut shortens a text to n cells.
func cut(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return text
}

// thousands prints a count with commas.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
