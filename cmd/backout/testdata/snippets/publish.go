package main

import (
	"encoding/json"
	"log"
	"os"
	"time"

	"github.com/nats-io/nats.go"
)

func main() { // publish URL ID, such as: publish nats://127.0.0.1:4222 run-42
	nc, err := nats.Connect(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	js, _ := nc.JetStream()
	event, _ := json.Marshal(map[string]any{"specversion": "1.0", "id": os.Args[2], "source": "my-monitor", "type": "backout.alert.firing", "time": time.Now(),
		"data": map[string]any{"project": "shop", "component": "checkout", "name": "CheckoutErrors", "severity": "critical", "summary": "5xx above 5 %"}})
	if _, err := js.Publish("backout.event.alert.shop", event); err != nil { // acknowledged: it is on disk
		log.Fatal(err)
	}
}
