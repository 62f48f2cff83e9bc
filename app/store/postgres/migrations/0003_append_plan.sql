-- Connections plan each statement anew, so that those that read open few
-- partitions. The statements of an append gain nothing by it: with one reading
-- in it, planning takes longer than all else.
ALTER FUNCTION append_readings(
	bigint, bigint, bigint, bigint[], bigint[], double precision[], bigint[], bigint[], double precision[]
) SET plan_cache_mode = force_generic_plan;
