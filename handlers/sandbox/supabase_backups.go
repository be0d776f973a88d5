package sandbox

import (
	"cmp"
	"encoding/json"
	"net/http"
)

// project answers how a project is.
func (s *supabase) project(r *request) answer {
	ref := r.PathValue("ref")
	return asJSON(http.StatusOK, object{
		"id": ref, "ref": ref, "organization_id": "aim", "organization_slug": "aim", "name": "shop", "region": "ap-northeast-2",
		"created_at": "2026-01-01T00:00:00Z", "status": cmp.Or(s.trouble().Status, "ACTIVE_HEALTHY"),
		"database": object{"host": "db." + ref + ".supabase.co", "version": "17.4.1.043", "postgres_engine": "17", "release_channel": "ga"},
	})
}

// backups lists a daily one, and how far point-in-time recovery reaches.
func (s *supabase) backups(*request) answer {
	in := s.trouble()
	physical := object{}
	if in.PITR {
		physical = object{"earliest_physical_backup_date_unix": in.Earliest, "latest_physical_backup_date_unix": in.Latest}
	}
	return asJSON(http.StatusOK, object{
		"region": "ap-northeast-2", "walg_enabled": true, "pitr_enabled": in.PITR, "physical_backup_data": physical,
		"backups": []object{
			{"id": 2, "is_physical_backup": false, "status": "FAILED", "inserted_at": "2026-11-26T18:00:00.000Z"},
			{"id": 1, "is_physical_backup": false, "status": "COMPLETED", "inserted_at": "2026-11-25T18:00:00.000Z"},
		},
	})
}

// restore takes a request as the real one does: 201 without a body, and the work goes on.
func (s *supabase) restore(r *request) answer {
	var in struct {
		At *int64 `json:"recovery_time_target_unix"`
	}
	if err := json.Unmarshal(r.body, &in); err != nil || in.At == nil || *in.At < 0 {
		return asJSON(http.StatusBadRequest, object{"message": "recovery_time_target_unix must not be less than 0"})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ills.PITR {
		return asJSON(http.StatusForbidden, object{"message": "Forbidden action"})
	}
	s.ills.Restores = append(s.ills.Restores, *in.At)
	s.ills.Status = "RESTORING"
	return answer{status: http.StatusCreated, effect: true}
}
