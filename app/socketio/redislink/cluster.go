package redislink

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// refreshInterval is how often the owners of the slots are looked up.
const refreshInterval = 5 * time.Second

// cluster serves a Link to a Redis Cluster by one Link to each node that owns
// slots. A node that is lost affects only its own channels.
//
// With sharded pub/sub a channel belongs to the owner of its slot. Otherwise every
// node passes messages to all others, so one of them, home, serves all channels.
type cluster struct {
	parent *Link
	seeds  []string
	wake   chan struct{} // capacity 1: a node was lost

	stateMu sync.Mutex // held while OnState is called

	mu     sync.Mutex
	slots  []slotRange
	home   string
	nodes  map[string]*clusterNode // by address
	placed map[target]*Subscription
	err    error // of the last lookup
}

type slotRange struct {
	from, to int64
	address  string
}

type clusterNode struct {
	link *Link
	stop context.CancelFunc
	err  error // nil while connected
}

func newCluster(parent *Link, seeds []string) *cluster {
	return &cluster{
		parent: parent, seeds: seeds, wake: make(chan struct{}, 1),
		nodes: map[string]*clusterNode{}, placed: map[target]*Subscription{},
	}
}

// run serves the nodes until ctx ends, and then until they have disconnected.
func (c *cluster) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		pause := c.refresh(ctx, &wg)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		case <-c.wake:
			select { // a node that comes and goes must not cost a lookup each time
			case <-ctx.Done():
				return
			case <-time.After(c.parent.options.BackoffMin):
			}
		}
	}
}

// refresh follows the owners of the slots and the state of the nodes. It returns
// the pause until the next time. A panic costs this time only.
func (c *cluster) refresh(ctx context.Context, wg *sync.WaitGroup) (pause time.Duration) {
	pause = c.parent.options.BackoffMax
	defer func() {
		if v := recover(); v != nil {
			c.parent.setErr(panicError(v))
		}
	}()
	slots, err := c.lookUp(ctx)
	if err == nil {
		pause = refreshInterval
	}
	c.update(ctx, wg, slots, err)
	c.report(ctx)
	return pause
}

func (c *cluster) update(ctx context.Context, wg *sync.WaitGroup, slots []slotRange, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err = err; err == nil {
		c.slots = slots
		c.updateNodesLocked(ctx, wg)
	}
	c.placeLocked()
}

// lookUp asks the known nodes, one after another, which node owns which slots.
func (c *cluster) lookUp(ctx context.Context) ([]slotRange, error) {
	c.mu.Lock()
	addresses := slices.Sorted(maps.Keys(c.nodes))
	c.mu.Unlock()
	var errs []error
	for _, address := range append(addresses, c.seeds...) {
		slots, err := c.lookUpAt(ctx, address)
		if err == nil {
			return slots, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", address, err))
	}
	return nil, fmt.Errorf("look up redis cluster: %w", errors.Join(errs...))
}

func (c *cluster) lookUpAt(ctx context.Context, address string) ([]slotRange, error) {
	ctx, cancel := context.WithTimeout(ctx, c.parent.options.Timeout)
	defer cancel()
	client, err := rueidis.NewClient(clientOf(c.parent.client, address))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	list, err := client.Do(ctx, client.B().ClusterSlots().Build()).ToArray()
	if err != nil {
		return nil, err
	}
	var slots []slotRange
	for _, entry := range list {
		r, err := parseSlots(entry, address)
		if err != nil {
			return nil, err
		}
		slots = append(slots, r)
	}
	if len(slots) == 0 {
		return nil, errors.New("no slots are assigned")
	}
	return slots, nil
}

// parseSlots decodes an entry of CLUSTER SLOTS: the range, the owner, its replicas.
func parseSlots(entry rueidis.RedisMessage, asked string) (r slotRange, err error) {
	fields, err := entry.ToArray()
	if err != nil || len(fields) < 3 {
		return r, errors.Join(errors.New("invalid answer to CLUSTER SLOTS"), err)
	}
	owner, err := fields[2].ToArray()
	if err != nil || len(owner) < 2 {
		return r, errors.Join(errors.New("invalid answer to CLUSTER SLOTS"), err)
	}
	host, _ := owner[0].ToString() // nil: the host that was asked
	if host == "" || host == "?" {
		host, _, _ = net.SplitHostPort(asked)
	}
	port, errPort := owner[1].AsInt64()
	from, errFrom := fields[0].AsInt64()
	to, errTo := fields[1].AsInt64()
	r = slotRange{from: from, to: to, address: net.JoinHostPort(host, strconv.FormatInt(port, 10))}
	return r, errors.Join(errPort, errFrom, errTo)
}

// updateNodesLocked starts a Link to each new owner and stops those to others.
func (c *cluster) updateNodesLocked(ctx context.Context, wg *sync.WaitGroup) {
	owners := map[string]bool{}
	for _, r := range c.slots {
		owners[r.address] = true
	}
	for address, n := range c.nodes {
		if !owners[address] {
			n.stop()
			delete(c.nodes, address)
			maps.DeleteFunc(c.placed, func(_ target, s *Subscription) bool { return s.link == n.link })
		}
	}
	for address := range owners {
		if c.nodes[address] != nil {
			continue
		}
		nodeCtx, stop := context.WithCancel(ctx)
		n := &clusterNode{stop: stop, err: ErrDisconnected}
		o := c.parent.options
		o.OnState = func(err error) { c.nodeState(ctx, n, err) }
		n.link = newLink(o, clientOf(c.parent.client, address))
		n.link.owns = func(channel string) bool { return c.owner(target{name: channel}) == n.link }
		c.nodes[address] = n
		wg.Go(func() { _ = n.link.Run(nodeCtx) })
	}
}

// nodeState records the state of a node.
func (c *cluster) nodeState(ctx context.Context, n *clusterNode, err error) {
	c.mu.Lock()
	n.err = err
	c.mu.Unlock()
	if err != nil {
		notify(c.wake)
	}
	c.report(ctx)
}

// report reports a change between connected, with all nodes, and not, and each
// reconnection. The end of ctx is not reported.
func (c *cluster) report(ctx context.Context) {
	c.stateMu.Lock()
	defer c.stateMu.Unlock()
	c.mu.Lock()
	err := c.err
	if len(c.nodes) > 0 {
		err = nil // the nodes can be reached
	}
	for _, address := range slices.Sorted(maps.Keys(c.nodes)) {
		if n := c.nodes[address]; n.err != nil && err == nil {
			err = fmt.Errorf("redis cluster node %s: %w", address, n.err)
		}
	}
	c.mu.Unlock()
	before := c.parent.Err()
	if ctx.Err() != nil {
		c.parent.setErr(ErrDisconnected)
		return
	}
	c.parent.setErr(err)
	if errors.Is(err, ErrDisconnected) && errors.Is(before, ErrDisconnected) {
		return // a node was not tried yet
	}
	if err != nil || before != nil {
		c.parent.reportState(err)
	}
}

// owner returns the link to the node that serves a channel, nil if there is none.
func (c *cluster) owner(t target) *Link {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ownerLocked(t)
}

func (c *cluster) ownerLocked(t target) *Link {
	address := c.home
	if c.parent.options.Sharded {
		slot := int64(slotOf(t.name))
		for _, r := range c.slots {
			if r.from <= slot && slot <= r.to {
				address = r.address
			}
		}
	}
	if n := c.nodes[address]; n != nil {
		return n.link
	}
	return nil
}

// placeLocked makes the owner of each channel serve its subscription.
func (c *cluster) placeLocked() {
	if n := c.nodes[c.home]; n == nil || n.err != nil {
		for _, address := range slices.Sorted(maps.Keys(c.nodes)) {
			if c.home == "" || c.nodes[c.home] == nil || c.nodes[address].err == nil {
				c.home = address
			}
		}
	}
	c.parent.mu.Lock()
	wanted := maps.Clone(c.parent.subscriptions)
	c.parent.mu.Unlock()
	for t, s := range c.placed {
		if wanted[t] == nil {
			s.Cancel()
			delete(c.placed, t)
		}
	}
	for t, s := range wanted {
		c.placeOneLocked(t, s)
	}
}

func (c *cluster) placeOneLocked(t target, s *Subscription) {
	link, old := c.ownerLocked(t), c.placed[t]
	if link == nil || old != nil && old.link == link && old.origin == s {
		return
	}
	if old != nil && old.link != link {
		old.Cancel()
	}
	placed := link.subscribe(t, s.handler)
	placed.origin = s
	c.placed[t] = placed
}

// changed follows a change of one subscription of the parent.
func (c *cluster) changed(t target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parent.mu.Lock()
	s := c.parent.subscriptions[t]
	c.parent.mu.Unlock()
	if s != nil {
		c.placeOneLocked(t, s)
	} else if placed := c.placed[t]; placed != nil {
		placed.Cancel()
		delete(c.placed, t)
	}
}

// subscribers asks the owner of each channel or, without sharded pub/sub, sums up
// what the connected nodes report.
func (c *cluster) subscribers(ctx context.Context, channels []string) (map[string]int64, error) {
	all := make(map[string]int64, len(channels))
	if c.parent.options.Sharded {
		for _, channel := range channels {
			link := c.owner(target{name: channel})
			if link == nil {
				return nil, ErrDisconnected
			}
			counts, err := link.Subscribers(ctx, channel)
			if err != nil {
				return nil, err
			}
			maps.Copy(all, counts)
		}
		return all, nil
	}
	connected := 0
	for _, link := range c.links() {
		counts, err := link.Subscribers(ctx, channels...)
		if errors.Is(err, ErrDisconnected) {
			continue
		}
		if err != nil {
			return nil, err
		}
		connected++
		for channel, n := range counts {
			all[channel] += n
		}
	}
	if connected == 0 {
		return nil, ErrDisconnected
	}
	return all, nil
}

func (c *cluster) links() []*Link {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*Link, 0, len(c.nodes))
	for _, n := range c.nodes {
		list = append(list, n.link)
	}
	return list
}

// clientOf returns the options of a client for one node.
func clientOf(o rueidis.ClientOption, address string) rueidis.ClientOption {
	o.InitAddress = []string{address}
	if o.TLSConfig != nil {
		o.TLSConfig = o.TLSConfig.Clone()
		o.TLSConfig.ServerName, _, _ = net.SplitHostPort(address)
	}
	return o
}
