package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/spool"
)

// operations is what each operation costs while so many jobs wait.
type operations struct {
	Waiting int `json:"waiting"`
	// ListMilliseconds is how long the list of all that wait takes. A service makes one at most 2 % of its time.
	ListMilliseconds float64 `json:"list_milliseconds"`
	// The others are the median of as many as were asked for, in microseconds: to put a job among those that wait, to claim
	// the oldest, and to hand it on.
	PutMicroseconds    int64 `json:"put_microseconds"`
	ClaimMicroseconds  int64 `json:"claim_microseconds"`
	HandOnMicroseconds int64 `json:"hand_on_microseconds"`
}

// measureOperations measures each operation n times in a data folder, one after the other, and leaves as many jobs waiting
// as there were.
func measureOperations(ctx context.Context, data string, n int) (o operations, err error) {
	s, err := spool.Open(data)
	if err != nil {
		return o, err
	}
	begin := time.Now()
	ids, err := s.List(job.Pending)
	if err != nil {
		return o, err
	}
	o.Waiting, o.ListMilliseconds = len(ids), float64(time.Since(begin).Microseconds())/1000
	var put, claim, handOn []int64
	measured := func(took *[]int64, do func() error) {
		if err != nil {
			return
		}
		begin := time.Now()
		err = do()
		*took = append(*took, time.Since(begin).Microseconds())
	}
	for range n {
		var j *spool.Job
		measured(&put, func() error { return create(s) })
		measured(&claim, func() (err error) { j, err = s.Claim(ctx, job.Pending, job.Separating, "worker"); return err })
		measured(&handOn, func() error { return j.Move(job.Separated) })
		if err != nil {
			return o, fmt.Errorf("with %d jobs waiting: %w", o.Waiting, err)
		}
	}
	o.PutMicroseconds, o.ClaimMicroseconds, o.HandOnMicroseconds = median(put), median(claim), median(handOn)
	return o, nil
}

func median(all []int64) int64 {
	slices.Sort(all)
	return all[len(all)/2]
}
