package plant_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
	"smart-factory-backend/app/plant"
	"smart-factory-backend/app/store/memory"
)

// alarmPlant is a store with one process that judges it. It is for use in a
// synctest bubble.
type alarmPlant struct {
	t     *testing.T
	store factory.Store
	*alarmProcess
}

// alarmProcess is a process that judges alarms.
type alarmProcess struct {
	alarms *plant.Alarms
	feed   *plant.Feed
	kill   func()
}

func startAlarmPlant(t *testing.T) *alarmPlant {
	t.Helper()
	p := &alarmPlant{t: t, store: memory.New(memory.Options{AutoRegister: true})}
	p.alarmProcess = p.start(nil)
	t.Cleanup(func() {
		p.kill()
		_ = p.store.Close()
	})
	return p
}

// leadingStore is a store with a leader of its own.
type leadingStore struct {
	factory.Store
	lead func(context.Context, func(context.Context) error) error
}

func (s leadingStore) Lead(ctx context.Context, run func(context.Context) error) error {
	return s.lead(ctx, run)
}

// start starts a process. lead, if not nil, says when it leads.
func (p *alarmPlant) start(lead func(context.Context, func(context.Context) error) error) *alarmProcess {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	store := p.store
	if lead != nil {
		store = leadingStore{store, lead}
	}
	alarms := plant.NewAlarms(plant.AlarmOptions{
		Store: store, Alone: lead == nil, Now: func() int64 { return time.Now().UnixMilli() },
		Failed: func(err error) { p.t.Errorf("Failed(%v)", err) },
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := alarms.Run(ctx); err != nil {
			p.t.Errorf("Run = %v", err)
		}
	}()
	synctest.Wait()
	return &alarmProcess{alarms: alarms, feed: plant.NewFeed(p.store, alarms), kill: func() { cancel(); <-done }}
}

// rule stores a rule as the API does; document nil deletes it.
func (p *alarmPlant) rule(id, document string) {
	p.t.Helper()
	change := factory.DocumentChange{Kind: factory.DocumentAlarmRule, ID: id}
	if document != "" {
		change.Data = []byte(document)
	}
	audit := factory.Event{Kind: factory.EventAudit, Subject: "alarm-rule/" + id, Data: []byte("{}")}
	if _, err := p.feed.Write(p.t.Context(), factory.JournalBatch{Documents: []factory.DocumentChange{change}, Events: []factory.Event{audit}}); err != nil {
		p.t.Fatal(err)
	}
}

// put stores readings of the metric temp of machine m through a process: pairs of a
// second after the start and a value.
func (p *alarmPlant) put(by *alarmProcess, pairs ...float64) {
	p.t.Helper()
	var readings []factory.Reading
	for i := 0; i < len(pairs); i += 2 {
		readings = append(readings, factory.Reading{Machine: "m", Metric: "temp", ObservedAt: second(pairs[i]), Value: pairs[i+1]})
	}
	if _, err := by.feed.Append(p.t.Context(), readings); err != nil {
		p.t.Fatal(err)
	}
}

// second is a time in the past of every clock.
func second(n float64) int64 { return 900_000_000_000 + int64(n*1000) }

// transitions returns the visible transitions of a rule on machine m, such as
// "raised@10", with seconds of the machine's clock.
func (p *alarmPlant) transitions(rule string) string {
	p.t.Helper()
	page, err := p.store.Events(p.t.Context(), factory.EventQuery{
		Machine: "m", Kinds: []factory.EventKind{factory.EventAlarm}, Subject: rule, From: math.MinInt64, To: math.MaxInt64, Limit: 10_000,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	slices.SortFunc(page.Events, func(a, b factory.Event) int { return int(a.Seq - b.Seq) })
	var list []string
	for _, e := range page.Events {
		var t alarm.Transition
		if err := json.Unmarshal(e.Data, &t); err != nil {
			p.t.Fatal(err)
		}
		if t.Change.Visible() {
			list = append(list, fmt.Sprintf("%s@%d", t.Change, (t.At-second(0))/1000))
		}
	}
	return strings.Join(list, " ")
}

func (p *alarmPlant) expect(rule, want string) {
	p.t.Helper()
	synctest.Wait()
	if got := p.transitions(rule); got != want {
		p.t.Errorf("transitions of %s: %s\nwant %s", rule, got, want)
	}
}

const hot = `{"machine":"m","metric":"temp","when":{"op":">","limit":80,"deadband":2}`

func TestAlarmsFollowTheReadings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := startAlarmPlant(t)
		p.put(p.alarmProcess, 0, 20, 1, 99, 2, 50)
		p.rule("hot", hot+`}`)
		p.put(p.alarmProcess, 3, 81)
		p.put(p.alarmProcess, 4, 79)
		p.put(p.alarmProcess, 5, 78)
		p.put(p.alarmProcess, 6, 90)
		p.expect("hot", "raised@3 returned@5 raised@6")
		p.put(p.alarmProcess, 5.5, 10, 4.5, 90)
		p.put(p.alarmProcess, 7, 91)
		p.expect("hot", "raised@3 returned@5 raised@6")
	})
}

func TestAlarmsOfOneRequestAreInOrderOfTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := startAlarmPlant(t)
		p.put(p.alarmProcess, 0, 20)
		p.rule("hot", hot+`}`)
		p.put(p.alarmProcess, 9, 20, 5, 90, 7, 20, 6, 90)
		p.expect("hot", "raised@5 returned@7")
	})
}

func TestLateReadingsRaiseNoAlarmEvenAfterARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := startAlarmPlant(t)
		p.put(p.alarmProcess, 0, 20)
		p.rule("hot", hot+`}`)
		for n := range 10 {
			p.put(p.alarmProcess, float64(10+n), 20)
		}
		p.put(p.alarmProcess, 15.5, 99)
		p.put(p.alarmProcess, 20, 20)
		p.expect("hot", "")
		p.kill()
		p.alarmProcess = p.start(nil)
		p.expect("hot", "")
		p.put(p.alarmProcess, 30, 90)
		p.expect("hot", "raised@30")
	})
}

func TestReadingsBeforeARuleRaiseNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := startAlarmPlant(t)
		p.put(p.alarmProcess, 0, 99, 1, 20)
		p.rule("hot", hot+`}`)
		p.rule("cold", `{"scope":{},"metric":"temp","when":{"op":"<","limit":50}}`)
		p.expect("hot", "")
		p.expect("cold", "raised@1")
		p.kill()
		p.alarmProcess = p.start(nil)
		p.expect("hot", "")
		p.expect("cold", "raised@1")
	})
}

func TestDelaysEndWhenNothingMoreArrives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := startAlarmPlant(t)
		p.put(p.alarmProcess, 0, 20)
		p.rule("hot", hot+`,"on_delay":"10s","off_delay":"5s"}`)
		p.put(p.alarmProcess, 1, 90)
		<-time.After(9 * time.Second)
		p.expect("hot", "")
		<-time.After(2 * time.Second)
		p.expect("hot", "raised@11")
		p.put(p.alarmProcess, 20, 10)
		<-time.After(7 * time.Second)
		p.expect("hot", "raised@11 returned@25")
	})
}

func TestNoDataIsFoundByTheServersClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := startAlarmPlant(t)
		p.put(p.alarmProcess, 0, 20)
		p.rule("quiet", `{"machine":"m","metric":"temp","when":{"op":"no_data","for":"5m"}}`)
		for n := range 10 {
			<-time.After(time.Minute)
			p.put(p.alarmProcess, float64(60*(n+1)), 20)
		}
		p.expect("quiet", "")
		<-time.After(5*time.Minute + 2*time.Second)
		p.expect("quiet", "raised@900")
		p.put(p.alarmProcess, 1000, 20)
		p.expect("quiet", "raised@900 returned@1000")
	})
}

func TestTimersAreFoundAgainAfterARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := startAlarmPlant(t)
		p.put(p.alarmProcess, 0, 20)
		p.rule("hot", hot+`,"on_delay":"10s","re_alarm":"10m"}`)
		p.put(p.alarmProcess, 1, 90)
		synctest.Wait()
		p.kill()
		p.alarmProcess = p.start(nil)
		<-time.After(12 * time.Second)
		p.expect("hot", "raised@11")
	})
}

func TestReadingStoredJustBeforeACrashRaisesItsAlarm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := startAlarmPlant(t)
		p.put(p.alarmProcess, 0, 20)
		p.rule("hot", hot+`}`)
		p.kill()
		// Committed, and the process ended before it looked at them.
		if _, err := p.store.Append(t.Context(), []factory.Reading{{Machine: "m", Metric: "temp", ObservedAt: second(1), Value: 90}, {Machine: "m", Metric: "temp", ObservedAt: second(2), Value: 20}}); err != nil {
			t.Fatal(err)
		}
		p.alarmProcess = p.start(nil)
		p.expect("hot", "raised@1 returned@2")
		p.kill()
		p.alarmProcess = p.start(nil)
		p.expect("hot", "raised@1 returned@2")
	})
}

func TestDeletedRulesEndTheirAlarms(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := startAlarmPlant(t)
		p.put(p.alarmProcess, 0, 90)
		p.rule("hot", hot+`}`)
		p.expect("hot", "raised@0")
		p.rule("hot", "")
		synctest.Wait()
		if got := p.transitions("hot"); !strings.HasPrefix(got, "raised@0 closed@") {
			t.Errorf("transitions: %s", got)
		}
		p.rule("hot", hot+`}`)
		synctest.Wait()
		if got := p.transitions("hot"); strings.Count(got, "raised@0") != 2 {
			t.Errorf("transitions of the rule that was stored again: %s", got)
		}
	})
}

func TestAnActiveAlarmSuppressesOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := startAlarmPlant(t)
		p.put(p.alarmProcess, 0, 20)
		p.rule("cause", `{"machine":"m","metric":"temp","when":{"op":">","limit":95},"ack_required":false}`)
		p.rule("hot", hot+`,"suppressed_by":["cause"]}`)
		p.put(p.alarmProcess, 1, 90)
		p.expect("hot", "raised@1")
		p.put(p.alarmProcess, 2, 99)
		synctest.Wait()
		if got := p.transitions("hot"); !strings.Contains(got, " hidden@") {
			t.Errorf("transitions: %s, want it hidden", got)
		}
		p.put(p.alarmProcess, 3, 90)
		synctest.Wait()
		if got := p.transitions("hot"); !strings.Contains(got, " shown@") {
			t.Errorf("transitions: %s, want it shown again", got)
		}
	})
}

// Several processes share one store, each sees a part of the readings, and one of
// them ends now and then, the leader too.
func TestSeveralProcessesDecideOnce(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 1))
				lock := make(chan struct{}, 1)
				lead := func(ctx context.Context, run func(context.Context) error) error {
					select {
					case lock <- struct{}{}:
						defer func() { <-lock }()
						return run(ctx)
					case <-ctx.Done():
						return nil
					}
				}
				p := startAlarmPlant(t)
				p.kill()
				processes := []*alarmProcess{p.start(lead), p.start(lead), p.start(lead)}
				p.alarmProcess = processes[0]
				p.put(processes[0], 0, 20)
				p.rule("hot", hot+`,"ack_required":false}`)
				p.rule("slow", hot+`,"on_delay":"3s","off_delay":"2s","ack_required":false}`)
				rule, err := alarm.ParseRule("slow", []byte(hot+`,"on_delay":"3s","off_delay":"2s","ack_required":false}`))
				if err != nil {
					t.Fatal(err)
				}
				var want []string
				var s alarm.State
				rule.Read(&s, "m", second(0), 20)
				raised, hot := 0, false
				collect := func(transitions []alarm.Transition) {
					for _, transition := range transitions {
						want = append(want, fmt.Sprintf("%s@%d", transition.Change, (transition.At-second(0))/1000))
					}
				}
				for n := 1; n <= 200; n++ {
					value := float64(random.IntN(2)*60 + 30)
					if random.IntN(3) > 0 && n > 1 {
						value = s.Value
					}
					p.put(processes[random.IntN(3)], float64(n), value)
					collect(rule.Read(&s, "m", second(float64(n)), value))
					if !hot && value > 80 {
						raised++
					}
					hot = value > 80
					if random.IntN(20) == 0 {
						victim := random.IntN(3)
						processes[victim].kill()
						processes[victim] = p.start(lead)
					}
					<-time.After(time.Second)
				}
				p.put(processes[0], 210, 20)
				collect(rule.Read(&s, "m", second(210), 20))
				collect(rule.Elapse(&s, "m", second(300)))
				<-time.After(2 * time.Minute)
				synctest.Wait()
				if got := strings.Count(p.transitions("hot"), "raised"); got != raised {
					t.Errorf("%d alarms without delay, want %d: %s", got, raised, p.transitions("hot"))
				}
				if got := strings.Fields(p.transitions("slow")); !slices.Equal(got, want) {
					t.Errorf("transitions with delays:\n%s\nwant\n%s", got, want)
				}
				for _, process := range processes[1:] {
					process.kill()
				}
				p.alarmProcess = processes[0]
			})
		})
	}
}
