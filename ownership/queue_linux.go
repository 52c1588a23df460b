package ownership

import (
	"sync"
	"sync/atomic"
)

// work is something to be visited.
type work struct {
	// dir is the folder that it is in.
	dir *node
	// name is the name of a folder in dir to visit, NUL-terminated. If it is nil, dir itself
	// is to be listed further, unless there is a buf.
	name []byte
	// buf are entries of dir that were read already.
	buf []byte
}

// queue is the work that is not begun, last in first out: what is deepest is finished
// first, so that few folders are open at a time.
type queue struct {
	mu      sync.Mutex
	more    sync.Cond
	stack   []work
	workers int
	waiting int
	idle    atomic.Int32 // waiting, for a look without the lock
	stopped atomic.Bool
}

func newQueue(workers int) *queue {
	q := &queue{workers: workers}
	q.more.L = &q.mu
	return q
}

// push adds work; the last is taken first.
func (q *queue) push(items ...work) {
	if len(items) == 0 {
		return
	}
	q.mu.Lock()
	q.stack = append(q.stack, items...)
	if q.waiting > 0 {
		if len(items) == 1 {
			q.more.Signal()
		} else {
			q.more.Broadcast()
		}
	}
	q.mu.Unlock()
}

// pop takes work, or waits for some. False means that there is none and will be none,
// since all workers wait for it, or that the walk is to stop.
func (q *queue) pop() (work, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.stack) == 0 && !q.stopped.Load() {
		q.waiting++
		q.idle.Store(int32(q.waiting)) // at most the workers
		if q.waiting == q.workers {
			q.stopped.Store(true)
			q.more.Broadcast()
			return work{}, false
		}
		q.more.Wait()
		q.waiting--
		q.idle.Store(int32(q.waiting)) // at most the workers
	}
	if q.stopped.Load() {
		return work{}, false
	}
	last := len(q.stack) - 1
	item := q.stack[last]
	q.stack[last] = work{} // for the garbage collector
	q.stack = q.stack[:last]
	return item, true
}

// stop makes all workers end.
func (q *queue) stop() {
	q.stopped.Store(true)
	q.mu.Lock()
	q.more.Broadcast()
	q.mu.Unlock()
}

// full reports whether so much waits that folders are to be read in small pieces.
func (q *queue) full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.stack) > maxWaiting
}

// maxWaiting is how much work may wait before folders are read in small pieces: some
// 2 MiB of it. A tree with ever more folders in each of its folders adds only smallRead
// bytes of names a level to that.
const maxWaiting = 1 << 14
