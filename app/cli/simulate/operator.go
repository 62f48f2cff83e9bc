package simulate

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

const (
	// operatorEvery is how often the operator looks at the alarms.
	operatorEvery = 10 * time.Second
	// Some alarms are acknowledged soon, all others when they are old.
	acknowledgeSoon = 25 * time.Second
	acknowledgeOld  = 20 * time.Minute
)

// operator acknowledges alarms: about half of them soon, the others late.
type operator struct {
	s         *simulator
	next      time.Time
	forbidden bool // the key does not allow it
}

func newOperator(s *simulator) *operator { return &operator{s: s} }

// work acknowledges what is due, if it is time. Errors are no reason to stop: an alarm
// may have changed meanwhile, or the server may be away.
func (o *operator) work(ctx context.Context, now time.Time) {
	if o.forbidden || now.Before(o.next) {
		return
	}
	o.next = now.Add(operatorEvery)
	var page struct {
		Alarms []struct {
			ID       string `json:"id"`
			RaisedAt int64  `json:"raised_at"`
		} `json:"alarms"`
	}
	if err := o.s.client.do(ctx, http.MethodGet, "/api/v1/alarms?state=unacked&limit=1000", nil, nil, &page); err != nil {
		return
	}
	var due []string
	for _, a := range page.Alarms {
		age := now.Sub(time.UnixMilli(a.RaisedAt))
		if age > acknowledgeOld || age > acknowledgeSoon && a.RaisedAt/1000%2 == 0 {
			due = append(due, a.ID)
		}
	}
	if len(due) == 0 {
		return
	}
	body, err := json.Marshal(object{"ids": due, "note": "seen"})
	if err != nil {
		panic(err) // it has no value that JSON lacks
	}
	err = o.s.client.do(ctx, http.MethodPost, "/api/v1/alarms/ack", body, nil, nil)
	if statusOf(err) == http.StatusForbidden {
		o.s.logf("Nobody acknowledges alarms: %v", err)
		o.forbidden = true
	}
}
