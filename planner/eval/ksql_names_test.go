//go:build clients

package eval_test

import "strings"

// init adds ksqlDB's functions to those that are not compared with PostgreSQL: it has none of the name, or the overload
// that it has is another.
func init() {
	for _, name := range strings.Fields(`
		array_concat array_distinct array_except array_intersect array_join array_max array_min array_sort
		array_union as_map as_value bigint_from_bytes chr convert_tz dateadd datesub double_from_bytes elt
		encode entries extractjsonfield field filter format_time from_bytes from_days generate_series
		geo_distance int_from_bytes is_json_string json_array_contains json_array_length json_concat json_items
		json_keys json_records map_keys map_union map_values mask mask_keep_left mask_keep_right mask_left
		mask_right parse_time reduce regexp_extract regexp_extract_all slice split split_to_map timeadd
		timestampadd timestampsub timesub to_bytes to_json_string transform url_decode_param url_encode_param
		url_extract_fragment url_extract_host url_extract_parameter url_extract_path url_extract_port
		url_extract_protocol url_extract_query uuid`) {
		notPostgres[name] = true
	}
}
