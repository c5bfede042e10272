package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// mtu is the size of the packets between hosts: large, because each of them passes this process.
const mtu = 9000

// A Link is what happens to packets from one host to another.
type Link struct {
	Cut   bool
	Loss  float64       // which part of them is lost
	Delay time.Duration // of each
	Vary  time.Duration // so much more at most, so that packets overtake each other
}

// A Network is hosts, each in a network namespace of its own, and the links between them.
type Network struct {
	hosts []*Host

	mu    sync.Mutex // guards what follows
	rand  *rand.Rand
	links map[[2]int]Link // from, to; others are fine
}

// A Host is a network namespace.
type Host struct {
	net    *Network
	number int
	tun    *os.File
	ns     int         // of the namespace, a file descriptor
	calls  chan func() // are run on a thread in the namespace
	late   sync.WaitGroup
	passed chan struct{} // closed when the device is
}

// NewNetwork makes a network of hosts 0 to n-1 whose links are fine. The seed says which packets are lost.
func NewNetwork(n int, seed uint64) (*Network, error) {
	w := &Network{rand: rand.New(rand.NewPCG(seed, 1)), links: map[[2]int]Link{}}
	for i := range n {
		h := &Host{net: w, number: i, calls: make(chan func()), passed: make(chan struct{})}
		ready := make(chan error)
		go h.run(ready)
		if err := <-ready; err != nil {
			return nil, errors.Join(fmt.Errorf("chaos: host %d: %w (it takes root and /dev/net/tun)", i, err), w.Close())
		}
		w.hosts = append(w.hosts, h)
	}
	for _, h := range w.hosts {
		go h.pass()
	}
	return w, nil
}

// Close ends all links. Processes that run in a host lose their network.
func (w *Network) Close() error {
	var errs []error
	for _, h := range w.hosts {
		errs = append(errs, h.tun.Close())
	}
	for _, h := range w.hosts {
		<-h.passed
		h.late.Wait()
		close(h.calls)
		errs = append(errs, unix.Close(h.ns))
	}
	return errors.Join(errs...)
}

// Host returns a host.
func (w *Network) Host(i int) *Host { return w.hosts[i] }

// Set says what happens to packets from one host to another.
func (w *Network) Set(from, to int, l Link) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.links[[2]int{from, to}] = l
}

// Mend makes all links fine.
func (w *Network) Mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.links)
}

// fate is what becomes of a packet: it may be lost, or come later.
func (w *Network) fate(from, to int) (lost bool, later time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.links[[2]int{from, to}]
	if l.Cut || l.Loss > 0 && w.rand.Float64() < l.Loss {
		return true, 0
	}
	if l.Vary > 0 {
		l.Delay += time.Duration(w.rand.Int64N(int64(l.Vary)))
	}
	return false, l.Delay
}

// IP is the host's address.
func (h *Host) IP() net.IP { return net.IPv4(10, 77, 0, byte(1+h.number)) }

// run makes the namespace, and calls what is to be called in it, until calls is closed. The thread ends with it.
func (h *Host) run(ready chan<- error) {
	runtime.LockOSThread()
	err := h.open()
	ready <- err
	if err == nil {
		for f := range h.calls {
			f()
		}
	}
}

// open makes the namespace of this thread, its device and its address.
func (h *Host) open() (err error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	mine := fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid())
	if h.ns, err = unix.Open(mine, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return os.NewSyscallError("namespace", err)
	}
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("/dev/net/tun", err)
	}
	if err := h.configure(fd); err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	h.tun = os.NewFile(uintptr(fd), "tun")
	return nil
}

// configure makes a device of an open file, and sets addresses.
func (h *Host) configure(tun int) error {
	device, err := unix.NewIfreq("leat0")
	if err != nil {
		return err
	}
	device.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(tun, unix.TUNSETIFF, device); err != nil {
		return os.NewSyscallError("TUNSETIFF", err)
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(s)
	set := func(name string, request uint, fill func(*unix.Ifreq) error) {
		r, bad := unix.NewIfreq(name)
		if bad == nil {
			bad = fill(r)
		}
		if bad == nil {
			bad = os.NewSyscallError(name, unix.IoctlIfreq(s, request, r))
		}
		err = errors.Join(err, bad)
	}
	up := func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING); return nil }
	set("lo", unix.SIOCSIFFLAGS, up)
	set("leat0", unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(h.IP().To4()) })
	set("leat0", unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr([]byte{255, 255, 255, 0}) })
	set("leat0", unix.SIOCSIFMTU, func(r *unix.Ifreq) error { r.SetUint32(mtu); return nil })
	set("leat0", unix.SIOCSIFFLAGS, up)
	return err
}

// pass hands on the packets that a host sends.
func (h *Host) pass() {
	defer close(h.passed)
	buf := make([]byte, mtu)
	for {
		n, err := h.tun.Read(buf)
		if err != nil {
			return // the device is closed
		}
		const to = 19 // the last byte of the receiver's address
		if n <= to || buf[0]>>4 != 4 {
			continue
		}
		i := int(buf[to]) - 1
		if i < 0 || i >= len(h.net.hosts) {
			continue
		}
		lost, later := h.net.fate(h.number, i)
		switch {
		case lost:
		case later == 0:
			_, _ = h.net.hosts[i].tun.Write(buf[:n]) // what a host does not take is lost, as everywhere
		default:
			packet := append([]byte(nil), buf[:n]...)
			h.late.Add(1)
			time.AfterFunc(later, func() {
				defer h.late.Done()
				_, _ = h.net.hosts[i].tun.Write(packet)
			})
		}
	}
}

// Start starts a process in the host. It is killed when this one ends.
func (h *Host) Start(cmd *exec.Cmd) (err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	done := make(chan struct{})
	h.calls <- func() {
		defer close(done)
		err = cmd.Start()
	}
	<-done
	return err
}

// Dial connects from the host to an address.
func (h *Host) Dial(ctx context.Context, addr string) (c net.Conn, err error) {
	return h.DialContext(ctx, "tcp", addr)
}

// DialContext is Dial as drivers want it. The thread that connects ends with that: it has changed its namespace.
func (h *Host) DialContext(ctx context.Context, network, addr string) (c net.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err = os.NewSyscallError("setns", unix.Setns(h.ns, unix.CLONE_NEWNET)); err == nil {
			c, err = (&net.Dialer{}).DialContext(ctx, network, addr)
		}
	}()
	<-done
	return c, err
}

// Listen listens at an address of the host.
func (h *Host) Listen(addr string) (l net.Listener, err error) {
	done := make(chan struct{})
	h.calls <- func() {
		defer close(done)
		l, err = net.Listen("tcp", addr)
	}
	<-done
	return l, err
}
