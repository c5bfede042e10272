package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/leatdb/leat/engine"
)

// collector gives Prometheus the numbers of the engine and of the doors when it asks.
type collector struct{ server *server }

// metricsTimeout is how long the engine may take to tell: a flow that waits for the disk answers late.
const metricsTimeout = 5 * time.Second

// Describe implements prometheus.Collector. Which numbers there are depends on the queries and topics.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), metricsTimeout)
	defer cancel()
	if c.server.ready.Load() {
		emit(out, engine.NodeMetrics(c.server.node))
	}
	t := c.server.current.Load()
	if t == nil { // another node leads
		return
	}
	list, err := t.engine.Metrics(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(prometheus.NewDesc("leat_metrics", "The numbers of the engine.", nil, nil), err)
	}
	counts := t.door.Counts()
	list = append(list,
		engine.Metric{Name: "leat_sessions", Help: "Sessions of PostgreSQL's protocol.", Value: float64(counts.Sessions)},
		engine.Metric{Name: "leat_strangers", Help: "Connections that have not proved who they are.",
			Value: float64(counts.Strangers)},
		engine.Metric{Name: "leat_connections_total", Help: "Connections of PostgreSQL's protocol.", Counter: true,
			Value: float64(counts.Accepted)},
		engine.Metric{Name: "leat_connections_refused_total", Help: "Of those, the ones there was no room for.",
			Counter: true, Value: float64(counts.Refused)})
	emit(out, list)
}

// emit gives numbers to Prometheus.
func emit(out chan<- prometheus.Metric, list []engine.Metric) {
	for _, m := range list {
		var names, values []string
		for i := 0; i+1 < len(m.Labels); i += 2 {
			names, values = append(names, m.Labels[i]), append(values, m.Labels[i+1])
		}
		kind := prometheus.GaugeValue
		if m.Counter {
			kind = prometheus.CounterValue
		}
		made, err := prometheus.NewConstMetric(prometheus.NewDesc(m.Name, m.Help, names, nil), kind, m.Value, values...)
		if err != nil {
			panic("BUG: metric " + m.Name + ": " + err.Error())
		}
		out <- made
	}
}
