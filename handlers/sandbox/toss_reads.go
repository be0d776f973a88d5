package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// row is a payment as the API shows it and as webhooks carry it.
func (p *tossPayment) row() object {
	row := object{
		"mId": "tosspayments", "version": "2022-11-16", "paymentKey": p.Key, "orderId": p.Order, "lastTransactionKey": p.LastKey, "status": p.Status,
		"requestedAt": tossTime(p.Requested), "approvedAt": nil, "totalAmount": 37400, "currency": "KRW", "cancels": nil, "failure": nil,
	}
	if !p.Approved.IsZero() {
		row["approvedAt"] = tossTime(p.Approved)
	}
	if p.Status == "CANCELED" {
		row["cancels"] = []object{{"transactionKey": p.LastKey, "cancelStatus": "DONE", "canceledAt": tossTime(p.Requested)}}
	}
	if p.Code != "" {
		row["failure"] = object{"code": p.Code, "message": p.Code}
	}
	return row
}

// tossTime is a time as the API writes it: with Korea's zone.
func tossTime(at time.Time) string {
	return at.In(time.FixedZone("KST", 9*60*60)).Format(time.RFC3339)
}

// payment finds one by its key or its order; nil when there is none.
func (t *toss) payment(key, order string) *tossPayment {
	for _, p := range t.payments {
		if (key != "" && p.Key == key) || (order != "" && p.Order == order) {
			return p
		}
	}
	return nil
}

func (t *toss) getPayment(key, order string) answer {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.payment(key, order)
	if p == nil {
		return tossError(http.StatusNotFound, "NOT_FOUND_PAYMENT", "존재하지 않는 결제 정보 입니다.")
	}
	return asJSON(http.StatusOK, p.row())
}

// listTransactions is GET /v1/transactions: oldest first, between two times of
// Korea, a hundred unless limit says otherwise.
func (t *toss) listTransactions(r *request) answer {
	query := r.URL.Query()
	from, err1 := tossDate(query.Get("startDate"))
	to, err2 := tossDate(query.Get("endDate"))
	limit := 100
	var err3 error
	if l := query.Get("limit"); l != "" {
		limit, err3 = strconv.Atoi(l)
	}
	if err1 != nil || err2 != nil || err3 != nil || limit < 1 || limit > 5000 {
		return tossError(http.StatusBadRequest, "INVALID_REQUEST", "startDate, endDate, limit")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	start := 0
	if after := query.Get("startingAfter"); after != "" {
		start = slices.IndexFunc(t.transactions, func(x tossTransaction) bool { return x.Key == after }) + 1
	}
	rows := []object{}
	for _, x := range t.transactions[start:] {
		if x.At.Before(from) || x.At.After(to) || len(rows) == limit {
			continue
		}
		rows = append(rows, object{
			"mId": "tosspayments", "transactionKey": x.Key, "paymentKey": x.PaymentKey, "orderId": x.Order, "status": x.Status,
			"transactionAt": tossTime(x.At), "currency": "KRW", "amount": 37400, "method": "카드", "useEscrow": false,
		})
	}
	return asJSON(http.StatusOK, rows)
}

func tossDate(text string) (time.Time, error) {
	return time.ParseInLocation("2006-01-02T15:04:05", text, time.FixedZone("KST", 9*60*60))
}

func (t *toss) state() any {
	t.mu.Lock()
	defer t.mu.Unlock()
	payments := []object{}
	for _, p := range t.payments {
		payments = append(payments, p.row())
	}
	return object{"payments": payments, "transactions": len(t.transactions), "withhold": t.withhold}
}
