package outbox_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
	"smart-factory-backend/app/plant/outbox"
	"smart-factory-backend/app/store/memory"
)

const patience = 20 * time.Second

// plant appends the transitions of one rule.
type plant struct {
	t     *testing.T
	store *memory.Store
	rule  alarm.Rule
	state map[string]*alarm.State
	at    int64
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	const document = `{"name":"Too hot","scope":{"line":"l1"},"metric":"temperature","when":{"op":">","limit":80},"severity":"high","response":"stop the press"}`
	p := &plant{t: t, store: memory.New(memory.Options{AutoRegister: true}), state: map[string]*alarm.State{}, at: time.Now().Add(-time.Minute).UnixMilli()}
	var err error
	if p.rule, err = alarm.ParseRule("hot", []byte(document)); err != nil {
		t.Fatal(err)
	}
	p.write(factory.JournalBatch{Documents: []factory.DocumentChange{{Kind: factory.DocumentAlarmRule, ID: "hot", Data: []byte(document)}}})
	return p
}

func (p *plant) write(batch factory.JournalBatch) {
	p.t.Helper()
	if _, err := p.store.Write(context.Background(), batch); err != nil {
		p.t.Fatal(err)
	}
}

// read judges a reading and appends what it causes.
func (p *plant) read(machine string, value float64) {
	p.t.Helper()
	if p.state[machine] == nil {
		p.state[machine] = &alarm.State{}
	}
	p.at += 1000
	for _, transition := range p.rule.Read(p.state[machine], machine, p.at, value) {
		data, err := json.Marshal(transition)
		if err != nil {
			p.t.Fatal(err)
		}
		p.write(factory.JournalBatch{Events: []factory.Event{{
			Machine: machine, Kind: factory.EventAlarm, Subject: "hot", ObservedAt: p.at, Data: data,
		}}})
	}
}

// run runs an outbox until stop is called.
func (p *plant) run(o outbox.Options) (stop func()) {
	p.t.Helper()
	o.Store, o.Now = p.store, time.Now
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- outbox.New(o).Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			p.t.Errorf("Run = %v", err)
		}
	})
	p.t.Cleanup(stop)
	return stop
}

// receiver records requests. It answers each with the next of statuses, a negative
// one once only, and with 200 after the last.
type receiver struct {
	*httptest.Server
	requests chan *http.Request
	bodies   chan []byte

	mu       sync.Mutex
	statuses []int
}

func newReceiver(t *testing.T, statuses ...int) *receiver {
	t.Helper()
	r := &receiver{requests: make(chan *http.Request, 1000), bodies: make(chan []byte, 1000), statuses: statuses}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		r.requests <- request
		r.bodies <- body
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(r.status())
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) status() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.statuses) == 0 {
		return http.StatusOK
	}
	status := r.statuses[0]
	if len(r.statuses) > 1 || status < 0 {
		r.statuses = r.statuses[1:]
	}
	return max(status, -status)
}

func (r *receiver) answer(statuses ...int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statuses = statuses
}

// next returns the next request.
func (r *receiver) next(t *testing.T) (*http.Request, []byte) {
	t.Helper()
	select {
	case request := <-r.requests:
		return request, <-r.bodies
	case <-time.After(patience):
		t.Fatal("no request")
		return nil, nil
	}
}

// change returns the machine and the change of the next event that a webhook gets.
func (r *receiver) change(t *testing.T) string {
	t.Helper()
	_, body := r.next(t)
	var e struct {
		Data struct{ Machine, Change string }
	}
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return e.Data.Machine + " " + e.Data.Change
}

func webhookOptions(url string) outbox.Options {
	return outbox.Options{Webhook: url, Secret: "secret"}.WithTuning(time.Minute, time.Millisecond, time.Hour)
}

// wantPosition waits until the webhook has stored that it has sent everything.
func (p *plant) wantPosition() {
	p.t.Helper()
	events, err := p.store.EventsAfter(context.Background(), factory.LogQuery{Kinds: []factory.EventKind{factory.EventAlarm}, Limit: 100})
	if err != nil {
		p.t.Fatal(err)
	}
	var last, position struct{ Seq int64 }
	if len(events) > 0 {
		last.Seq = events[len(events)-1].Seq
	}
	for deadline := time.Now().Add(patience); ; {
		d, err := p.store.Document(context.Background(), factory.DocumentDelivery, "webhook")
		if err == nil && json.Unmarshal(d.Data, &position) == nil && position.Seq >= last.Seq {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("the position is %s, %v, want %d", d.Data, err, last.Seq)
		}
	}
}

// A webhook gets each transition as a signed CloudEvent.
func TestWebhookMessage(t *testing.T) {
	t.Parallel()
	p, r := newPlant(t), newReceiver(t)
	p.run(webhookOptions(r.URL + "/hook"))
	p.wantPosition()
	p.read("press", 81.5)
	request, body := r.next(t)
	if got := request.Header.Get("Content-Type"); got != "application/cloudevents+json; charset=utf-8" || request.URL.Path != "/hook" {
		t.Errorf("request to %s with Content-Type %q", request.URL, got)
	}
	mac := hmac.New(sha256.New, []byte("secret"))
	fmt.Fprintf(mac, "%s.%s.%s", request.Header.Get("Webhook-Id"), request.Header.Get("Webhook-Timestamp"), body)
	if got, want := request.Header.Get("Webhook-Signature"), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)); got != want {
		t.Errorf("signature %q, want %q", got, want)
	}
	var event map[string]any
	if err := json.Unmarshal(body, &event); err != nil {
		t.Fatal(err)
	}
	data := event["data"].(map[string]any)
	for name, want := range map[string]any{
		"rule": "hot", "name": "Too hot", "machine": "press", "metric": "temperature", "severity": "high", "change": "raised",
		"from": "normal", "to": "active_unacked", "state": "active_unacked", "value": 81.5, "limit": 80.0, "response": "stop the press",
	} {
		if data[name] != want {
			t.Errorf("data.%s = %v, want %v", name, data[name], want)
		}
	}
	if event["specversion"] != "1.0" || event["type"] != "smartfactory.alarm.raised" || event["subject"] != data["alarm"] || event["id"] != request.Header.Get("Webhook-Id") {
		t.Errorf("event = %s", body)
	}
}

// Whatever the receiver does, each transition arrives, and in order.
func TestWebhookRetriesInOrder(t *testing.T) {
	t.Parallel()
	p, r := newPlant(t), newReceiver(t, -500, -503, -429, -302, -401, 200)
	p.run(webhookOptions(r.URL))
	p.wantPosition()
	p.read("press", 81)
	p.read("press", 79)
	for range 6 {
		if got := r.change(t); got != "press raised" {
			t.Errorf("got %q, want the first transition again", got)
		}
	}
	if got := r.change(t); got != "press returned" {
		t.Errorf("got %q, want the second transition", got)
	}
}

// A transition that the receiver refuses is recorded, and the next one is sent.
func TestWebhookGivesUp(t *testing.T) {
	t.Parallel()
	p, r := newPlant(t), newReceiver(t, -400, 200)
	var mu sync.Mutex
	results := map[outbox.Result]int{}
	o := webhookOptions(r.URL)
	o.Observe = func(d outbox.Delivery) {
		mu.Lock()
		defer mu.Unlock()
		results[d.Result]++
	}
	stop := p.run(o)
	p.wantPosition()
	p.read("press", 81)
	p.read("drill", 81)
	if got := []string{r.change(t), r.change(t)}; !slices.Equal(got, []string{"press raised", "drill raised"}) {
		t.Errorf("got %q", got)
	}
	p.wantPosition()
	stop()
	page, err := p.store.Events(context.Background(), factory.EventQuery{Kinds: []factory.EventKind{factory.EventDelivery}, To: time.Now().Add(time.Hour).UnixMilli(), Limit: 10})
	if err != nil || len(page.Events) != 1 || page.Events[0].Machine != "press" || !strings.Contains(string(page.Events[0].Data), "400 Bad Request") {
		t.Errorf("delivery events = %+v, %v, want one of press that names the status", page.Events, err)
	}
	if !maps.Equal(results, map[outbox.Result]int{outbox.GivenUp: 1, outbox.Sent: 1}) {
		t.Errorf("results = %v", results)
	}
}

// What happens while no process sends is sent afterwards, and nothing that was sent
// before the position was stored is sent again.
func TestWebhookContinues(t *testing.T) {
	t.Parallel()
	p, r := newPlant(t), newReceiver(t)
	p.read("press", 81) // before the webhook is first used
	stop := p.run(webhookOptions(r.URL))
	p.wantPosition()
	p.read("press", 79)
	if got := r.change(t); got != "press returned" {
		t.Errorf("got %q", got)
	}
	p.wantPosition()
	stop()
	p.read("press", 82)
	p.run(webhookOptions(r.URL))
	if got := r.change(t); got != "press raised" {
		t.Errorf("after the restart got %q", got)
	}
}

// alertsUntil reads requests until the state of all alerts, by machine, is as wanted.
func (r *receiver) alertsUntil(t *testing.T, firing map[string]bool, want map[string]bool) {
	t.Helper()
	for !maps.Equal(firing, want) {
		_, body := r.next(t)
		var alerts []struct {
			Labels, Annotations map[string]string
			StartsAt, EndsAt    time.Time
		}
		if err := json.Unmarshal(body, &alerts); err != nil {
			t.Fatal(err)
		}
		for _, a := range alerts {
			if a.Labels["alertname"] != "Too hot" || a.Labels["rule"] != "hot" || a.Labels["severity"] != "high" || a.Annotations["response"] != "stop the press" || !a.StartsAt.Before(a.EndsAt) {
				t.Errorf("alert %+v", a)
			}
			firing[a.Labels["machine"]] = a.EndsAt.After(time.Now())
		}
	}
}

// Alertmanager learns which alarms are active, also after it or this process was away.
func TestAlertmanagerEndsWithTheTruth(t *testing.T) {
	t.Parallel()
	p, r := newPlant(t), newReceiver(t)
	o := outbox.Options{Alertmanagers: []string{r.URL + "/"}}.WithTuning(time.Minute, time.Millisecond, time.Hour)
	p.read("press", 81)
	stop := p.run(o)
	firing := map[string]bool{}
	r.alertsUntil(t, firing, map[string]bool{"press": true})
	p.read("drill", 90)
	r.alertsUntil(t, firing, map[string]bool{"press": true, "drill": true})
	r.answer(-500, -503, 200)
	p.read("press", 70)
	r.alertsUntil(t, firing, map[string]bool{"press": false, "drill": true})
	stop()
	p.read("drill", 70)
	p.read("press", 99)
	p.run(o)
	r.alertsUntil(t, firing, map[string]bool{"press": true, "drill": false})
}

// An active alarm is reported again, so that it does not end by itself.
func TestAlertmanagerIsRemindedOfActiveAlarms(t *testing.T) {
	t.Parallel()
	p, r := newPlant(t), newReceiver(t)
	p.read("press", 81)
	p.run(outbox.Options{Alertmanagers: []string{r.URL}}.WithTuning(10*time.Millisecond, time.Millisecond, time.Hour))
	for range 3 {
		if request, body := r.next(t); request.URL.Path != "/api/v2/alerts" || !strings.Contains(string(body), `"machine":"press"`) {
			t.Errorf("request to %s: %s", request.URL.Path, body)
		}
	}
}
