#include "api/openapi_text.hpp"

namespace api {

namespace {

using http::Method;

constexpr OperationText operations[] = {
    {Method::get, "", "The routes of this server", "", 200, "Index", ""},
    {Method::get, "/openapi.json", "This document", "", 200, "OpenApi", ""},
    {Method::get, "/networks", "Networks, by id", "", 200, "[]Network", "INVALID_CIDR"},
    {Method::post, "/networks", "Create a network",
     "cidr! description tags quarantine_seconds dry_run", 201, "Network",
     "INVALID_CIDR INVALID_FIELD NETWORK_EXISTS CHILD_HOLDS_ALLOCATIONS ADDRESS_IN_QUARANTINE "
     "IDEMPOTENCY_KEY_REUSED"},
    {Method::get, "/networks/{id}", "One network", "", 200, "Network", "NETWORK_NOT_FOUND"},
    {Method::delete_, "/networks/{id}", "Delete a network without active allocations", "", 204, "",
     "NETWORK_NOT_FOUND NETWORK_HAS_ALLOCATIONS IDEMPOTENCY_KEY_REUSED"},
    {Method::get, "/networks/{id}/stats", "How full a network is", "", 200, "Stats",
     "NETWORK_NOT_FOUND"},
    {Method::get, "/stats", "How full all networks are", "", 200, "[]Stats", ""},
    {Method::get, "/allocations", "Active allocations, or all that ever were", "", 200,
     "[]Allocation", "NETWORK_NOT_FOUND INVALID_CIDR INVALID_PARAMETER"},
    {Method::post, "/allocations", "Allocate an address, or a block as one record",
     "network_id+ cidr count hostname description tags ttl ttl_hours ip force range_start "
     "range_end exclude align contiguous strategy unique_hostname owner metadata dry_run",
     201, "Allocations",
     "INVALID_FIELD NETWORK_NOT_FOUND NETWORK_FULL ADDRESS_IN_USE ADDRESS_NOT_USABLE "
     "ADDRESS_IN_QUARANTINE HOSTNAME_IN_USE IDEMPOTENCY_KEY_REUSED"},
    {Method::get, "/allocations/{id}", "One allocation, active or ended", "", 200, "Allocation",
     "ALLOCATION_NOT_FOUND"},
    {Method::patch, "/allocations/{id}", "Change fields of an allocation; null clears one",
     "hostname+ description tags owner metadata unique_hostname fence", 200, "Allocation",
     "INVALID_FIELD ALLOCATION_NOT_FOUND ALREADY_RELEASED HOSTNAME_IN_USE STALE_FENCE "
     "IDEMPOTENCY_KEY_REUSED"},
    {Method::post, "/allocations/{id}/renew", "Let the lease end so long from now",
     "ttl+ ttl_hours fence", 200, "Allocation",
     "INVALID_FIELD ALLOCATION_NOT_FOUND ALREADY_RELEASED STALE_FENCE IDEMPOTENCY_KEY_REUSED"},
    {Method::post, "/allocations/{id}/release", "Release an allocation", "fence", 204, "",
     "ALLOCATION_NOT_FOUND ALREADY_RELEASED STALE_FENCE IDEMPOTENCY_KEY_REUSED"},
    {Method::post, "/transactions", "Several writes, all of them or none", "operations! dry_run",
     200, "[]TransactionResult",
     "INVALID_FIELD UNKNOWN_FIELD INVALID_ARGUMENT BODY_TOO_LARGE NETWORK_NOT_FOUND "
     "ALLOCATION_NOT_FOUND NETWORK_EXISTS NETWORK_FULL IDEMPOTENCY_KEY_REUSED"},
    {Method::get, "/addresses/{id}", "Who holds an address, and who held it before", "", 200,
     "AddressInfo", "INVALID_PARAMETER"},
    {Method::get, "/search", "Networks and active allocations by address, CIDR, id or text", "",
     200, "SearchResults", "INVALID_PARAMETER"},
    {Method::post, "/import", "Objects of a file of another tool, made where they are not there",
     "@text/plain text/csv application/json application/x-ndjson", 200, "ImportReport",
     "INVALID_PARAMETER INVALID_ARGUMENT BODY_TOO_LARGE NETWORK_EXISTS ADDRESS_IN_USE "
     "CHILD_HOLDS_ALLOCATIONS NETWORK_NOT_FOUND IDEMPOTENCY_KEY_REUSED"},
    {Method::get, "/audit", "The audit log, newest first", "", 200, "[]AuditEntry",
     "INVALID_PARAMETER"},
    {Method::get, "/audit/verify", "Whether what this node has on its disk is what was written", "",
     200, "Verification", ""},
    {Method::get, "/watch", "Every change as it happens, as Server-Sent Events", "", 200,
     "EventStream", "INVALID_PARAMETER REVISION_COMPACTED OVERLOADED"},
    {Method::get, "/health", "Ready to serve or not", "", 200, "Health", "NOT_READY"},
    {Method::get, "/cluster/status", "What this node knows of its cluster", "", 200,
     "ClusterStatus", "NOT_A_CLUSTER"},
    {Method::post, "/cluster/nodes", "Add a node to the cluster", "node_id! addr!", 204, "",
     "ALREADY_MEMBER CHANGE_IN_PROGRESS NOT_A_CLUSTER"},
    {Method::delete_, "/cluster/nodes/{id}", "Remove a node from the cluster", "", 204, "",
     "NOT_A_MEMBER WOULD_LOSE_QUORUM CHANGE_IN_PROGRESS NOT_A_CLUSTER"},
};

constexpr std::string_view text_schema = R"({"type":["string","null"],"maxLength":1024})";
constexpr std::string_view count_schema =
    R"({"oneOf":[{"type":"integer","minimum":1},{"type":"string","pattern":"^[1-9][0-9]*$"}]})";

constexpr std::string_view address_schema = R"({"type":["string","null"]})";
constexpr std::string_view flag_schema = R"({"type":["boolean","null"]})";

constexpr FieldText fields[] = {
    {"align", count_schema, "A power of two: the first address is a multiple of it", "16"},
    {"contiguous", flag_schema, "false: count records of one address each, answered as an array",
     "true"},
    {"exclude", R"({"type":["array","null"],"maxItems":256,"items":{"type":"string"}})",
     "Addresses, ranges such as 10.0.0.5-10.0.0.9, or CIDRs that are not to be taken",
     R"(["192.168.1.10-192.168.1.19"])"},
    {"fence", count_schema, "The fence of the allocation: another is refused", "1"},
    {"force", flag_schema, "With ip: also an address that is kept from being handed out by itself",
     "false"},
    {"ip", address_schema, "This address, or the start of the block", R"("192.168.1.20")"},
    {"metadata",
     R"({"type":["object","null"],"maxProperties":64,)"
     R"("additionalProperties":{"type":["string","null"],"maxLength":256}})",
     "Texts of the client's own; null in a PATCH takes one away", R"({"rack":"7"})"},
    {"owner", R"({"type":["string","null"],"maxLength":253})", "Whose it is", R"("team-web")"},
    {"quarantine_seconds", R"({"type":["integer","null"],"minimum":1,"maximum":31536000})",
     "So long an address waits after a release or an expiry before it is handed out again",
     "3600"},
    {"range_end", address_schema, "Not above this address", R"("192.168.1.200")"},
    {"range_start", address_schema, "Not below this address", R"("192.168.1.100")"},
    {"strategy",
     R"({"type":["string","null"],"enum":["first","last","random","sparse",null]})",
     "Which of the free addresses", R"("first")"},
    {"unique_hostname", flag_schema, "Refuse a hostname that the network has already", "false"},
    {"dry_run", flag_schema, "true: answer with 200 what it would give, and change nothing",
     "true"},
    {"operations",
     R"({"type":"array","minItems":1,"maxItems":10000,"items":{"type":"object","required":["op"],)"
     R"("properties":{"op":{"type":"string"}}}})",
     "Each has op and the fields of that write; $N.id, $N.cidr, $N.ip are of earlier results",
     R"([{"op":"network.create","cidr":"10.7.0.0/24"},)"
     R"({"op":"allocation.create","network_id":"$0.id"}])"},
    {"addr", R"({"type":"string"})", "host:port, or [IPv6]:port, of the node's Raft port",
     R"("node4.example.com:5004")"},
    {"cidr", R"({"type":"string","examples":["192.168.1.0/24","2001:db8::/64"]})",
     "A network without host bits set", R"("192.168.7.0/24")"},
    {"count", count_schema, "Addresses in a row; a decimal string where beyond 2^53", "1"},
    {"description", text_schema, "Free text", R"("Office network")"},
    {"hostname", R"({"type":["string","null"],"maxLength":253,"pattern":"^[A-Za-z0-9._-]*$"})",
     "The name of the host", R"("web-02")"},
    {"network_id", R"({"type":["string","null"]})", "The id of a network; this or cidr",
     R"("net-1")"},
    {"node_id", count_schema, "The number of the node", "4"},
    {"tags",
     R"({"type":["array","null"],"maxItems":64,)"
     R"("items":{"type":"string","minLength":1,"maxLength":128}})",
     "Tags", R"(["production"])"},
    {"ttl", R"({"type":["integer","null"],"minimum":1,"maximum":315360000})",
     "Seconds until the lease ends", "3600"},
    {"ttl_hours", R"({"type":["integer","null"],"minimum":1,"maximum":87600})",
     "Hours until the lease ends", "24"},
};

constexpr FieldText parameters[] = {
    {"Idempotency-Key", R"({"type":"string","minLength":1,"maxLength":255})",
     "Exactly once: a request with the same key gets the same answer", R"("order-17")"},
    {"action", R"({"type":"string"})", "Of this kind", R"("ip_allocated")"},
    {"actor", R"({"type":"string"})", "Made by this user", R"("system")"},
    {"dry_run", R"({"type":"boolean","default":false})", "Say what it would do, and do nothing",
     "true"},
    {"format",
     R"({"type":"string","enum":["prefixes","csv","json","netbox","phpipam"],"default":"json"})",
     "What the body is", R"("prefixes")"},
    {"on_conflict", R"({"type":"string","enum":["fail","skip"],"default":"fail"})",
     "fail: all or nothing; skip: what is there already stays", R"("skip")"},
    {"all", R"({"type":"boolean","default":false})", "Also those that have ended", "true"},
    {"cidr", R"({"type":"string"})", "Exactly this network", R"("192.168.1.0/24")"},
    {"consistency", R"({"type":"string","enum":["linearizable","stale"],"default":"linearizable"})",
     "stale answers at once from what the node has", R"("stale")"},
    {"cursor", R"({"type":"string"})", "Where the next page begins: from a Link or the next_cursor",
     ""},
    {"hostname", R"({"type":"string"})", "With this hostname, in whatever case", R"("web-01")"},
    {"id", R"({"type":"string"})",
     "The id, such as net-1, alloc-7 or the number of a node; or an address", ""},
    {"ip", R"({"type":"string"})", "Those that hold this address", R"("192.168.1.1")"},
    {"limit", R"({"type":"integer","minimum":1,"maximum":10000,"default":100})", "At most so many",
     "20"},
    {"network_id", R"({"type":"string"})", "Of this network", R"("net-1")"},
    {"owner", R"({"type":"string"})", "Of this owner", R"("team-web")"},
    {"q", R"({"type":"string","maxLength":1024})",
     "An address, a CIDR, an id, or a text in whatever case", R"("web")"},
    {"resource", R"({"type":"string"})", "About this object", R"("net-1")"},
    {"since", R"({"type":"string"})",
     "Of the audit log: not before this time; of the change stream: after this revision",
     R"("2024-01-15T10:30:00Z")"},
    {"status", R"({"type":"string","enum":["allocated","released","expired"]})",
     "With this status", R"("allocated")"},
    {"tag", R"({"type":"string"})", "With this tag", R"("production")"},
    {"until", R"({"type":"string","format":"date-time"})", "Before this time",
     R"("2999-12-31T00:00:00Z")"},
    {"within", R"({"type":"string"})", "That lie in this CIDR", R"("192.168.0.0/16")"},
    {"X-Ipam-Min-Revision", R"({"type":"integer","minimum":0})",
     "Wait until the node has applied this revision", ""},
};

// An object whose named properties are always there.
constexpr SchemaText schemas[] = {
    {"Index", R"({"type":"object","required":["service","version","routes"],"properties":{
"service":{"type":"string"},"version":{"type":"string"},
"routes":{"type":"array","items":{"type":"string"}}}})"},
    {"OpenApi", R"({"type":"object","required":["openapi","info","paths"]})"},
    {"Count", R"({"description":"A decimal string where beyond 2^53","oneOf":[
{"type":"integer","minimum":0},{"type":"string","pattern":"^[0-9]+$"}]})"},
    {"Time", R"({"type":"string","format":"date-time"})"},
    {"TimeOrNull", R"({"type":["string","null"],"format":"date-time"})"},
    {"Network", R"({"type":"object",
"required":["id","cidr","description","tags","created_at","updated_at"],"properties":{
"id":{"type":"string","pattern":"^net-[1-9][0-9]*$"},"cidr":{"type":"string"},
"description":{"type":"string"},"tags":{"type":"array","items":{"type":"string"}},
"created_at":{"$ref":"#/components/schemas/Time"},
"updated_at":{"$ref":"#/components/schemas/Time"},
"quarantine_seconds":{"type":"integer"}}})"},
    {"Stats", R"({"type":"object","required":["network_id","total_ips","allocated_ips",
"available_ips","reserved_ips","quarantined_ips","utilization_percent","first_available",
"last_allocated"],
"properties":{"network_id":{"type":"string"},"cidr":{"type":"string"},
"total_ips":{"$ref":"#/components/schemas/Count"},
"allocated_ips":{"$ref":"#/components/schemas/Count"},
"available_ips":{"$ref":"#/components/schemas/Count"},
"reserved_ips":{"$ref":"#/components/schemas/Count"},
"quarantined_ips":{"$ref":"#/components/schemas/Count"},
"utilization_percent":{"type":"number","minimum":0,"maximum":100},
"first_available":{"type":["string","null"]},"last_allocated":{"type":["string","null"]}}})"},
    {"Allocation", R"({"type":"object","required":["id","network_id","ip","end_ip","hostname",
"description","tags","status","allocated_at","expires_at","released_at","fence"],"properties":{
"id":{"type":"string","pattern":"^alloc-[1-9][0-9]*$"},"network_id":{"type":"string"},
"ip":{"type":"string"},"end_ip":{"type":["string","null"]},"hostname":{"type":"string"},
"description":{"type":"string"},"tags":{"type":"array","items":{"type":"string"}},
"status":{"type":"string","enum":["allocated","released","expired"]},
"allocated_at":{"$ref":"#/components/schemas/Time"},
"expires_at":{"$ref":"#/components/schemas/TimeOrNull"},
"released_at":{"$ref":"#/components/schemas/TimeOrNull"},
"fence":{"$ref":"#/components/schemas/Count"},"owner":{"type":"string"},
"metadata":{"type":"object","additionalProperties":{"type":"string"}}}})"},
    {"Allocations", R"({"description":"An array where contiguous is false","oneOf":[
{"$ref":"#/components/schemas/Allocation"},
{"type":"array","items":{"$ref":"#/components/schemas/Allocation"}}]})"},
    {"ImportReport", R"({"type":"object","required":["created","skipped","refused","ignored"],
"properties":{"created":{"type":"integer"},"skipped":{"type":"integer"},
"refused":{"type":"array","items":{"type":"object","properties":{"position":{"type":"integer"},
"reason":{"type":"string"},"detail":{"type":"string"}}}},
"ignored":{"type":"array","items":{"type":"object","properties":{"kind":{"type":"string"},
"count":{"type":"integer"}}}}}})"},
    {"TransactionResult", R"({"description":"What the write alone would be answered with",
"type":["object","array","null"],"required":["id"]})"},
    {"AddressInfo", R"({"type":"object",
"required":["ip","status","network","allocation","quarantine_ends_at","history"],"properties":{
"ip":{"type":"string"},"status":{"type":"string",
"enum":["unmanaged","unusable","allocated","quarantined","reserved","free"]},
"network":{"oneOf":[{"$ref":"#/components/schemas/Network"},{"type":"null"}]},
"allocation":{"oneOf":[{"$ref":"#/components/schemas/Allocation"},{"type":"null"}]},
"quarantine_ends_at":{"$ref":"#/components/schemas/TimeOrNull"},
"history":{"type":"array","items":{"$ref":"#/components/schemas/Allocation"}}}})"},
    {"SearchResults", R"({"type":"object","required":["results","next_cursor"],"properties":{
"results":{"type":"array","items":{"type":"object","required":["type"],"properties":{
"type":{"type":"string","enum":["network","allocation"]},
"network":{"$ref":"#/components/schemas/Network"},
"allocation":{"$ref":"#/components/schemas/Allocation"}}}},
"next_cursor":{"type":["string","null"]}}})"},
    {"AuditEntry", R"({"type":"object",
"required":["id","timestamp","action","resource","details","user","revision","previous_hash",
"hash"],"properties":{
"id":{"type":"string","pattern":"^audit-[1-9][0-9]*$"},
"timestamp":{"$ref":"#/components/schemas/Time"},"action":{"type":"string"},
"resource":{"type":"string"},"details":{"type":"string"},"user":{"type":"string"},
"revision":{"$ref":"#/components/schemas/Count"},
"previous_hash":{"$ref":"#/components/schemas/Hash"},
"hash":{"$ref":"#/components/schemas/Hash"}}})"},
    {"EventStream", R"({"description":"text/event-stream: the data of each event is an Event",
"type":"string"})"},
    {"Event", R"({"type":"object","required":["revision","changes"],"properties":{
"revision":{"$ref":"#/components/schemas/Count"},
"changes":{"type":"array","items":{"type":"object","required":["type"],"properties":{
"type":{"type":"string","enum":["network_put","network_deleted","allocation_put","audit"]},
"network":{"$ref":"#/components/schemas/Network"},"id":{"type":"string"},
"allocation":{"$ref":"#/components/schemas/Allocation"},
"entry":{"$ref":"#/components/schemas/AuditEntry"}}}}}})"},
    {"Hash", R"({"type":"string","pattern":"^[0-9a-f]{64}$"})"},
    {"Verification", R"({"type":"object","required":["intact","problem","entries","rows",
"hash"],"properties":{"intact":{"type":"boolean"},"problem":{"type":["string","null"]},
"entries":{"$ref":"#/components/schemas/Count"},"rows":{"$ref":"#/components/schemas/Count"},
"hash":{"$ref":"#/components/schemas/Hash"}}})"},
    {"Health", R"({"type":"object",
"required":["status","service","cluster_mode","version","uptime"],"properties":{
"status":{"type":"string"},"service":{"type":"string"},"cluster_mode":{"type":"boolean"},
"version":{"type":"string"},"uptime":{"type":"string"}}})"},
    {"ClusterStatus", R"({"type":"object","required":["node_id","cluster_id","role","raft_state",
"has_leader","leader_id","term","commit_index","applied_index","last_log_index","snapshot_index",
"members"],"properties":{"node_id":{"type":"integer"},"cluster_id":{"type":"integer"},
"role":{"type":"string"},"raft_state":{"type":"string"},"has_leader":{"type":"boolean"},
"leader_id":{"type":"integer"},"term":{"type":"integer"},"commit_index":{"type":"integer"},
"applied_index":{"type":"integer"},"last_log_index":{"type":"integer"},
"snapshot_index":{"type":"integer"},
"members":{"type":"array","items":{"$ref":"#/components/schemas/Member"}}}})"},
    {"Member", R"({"type":"object",
"required":["node_id","addr","role","voter","match_index","lag","last_heard_ms"],"properties":{
"node_id":{"type":"integer"},"addr":{"type":"string"},"role":{"type":"string"},
"voter":{"type":"boolean"},"match_index":{"type":["integer","null"]},
"lag":{"type":["integer","null"]},"last_heard_ms":{"type":["integer","null"]}}})"},
    {"Problem", R"({"type":"object",
"required":["type","title","status","detail","error","code","reason"],"properties":{
"type":{"type":"string"},"title":{"type":"string"},"status":{"type":["integer","string"]},
"detail":{"type":"string"},"error":{"type":"string"},"code":{"type":"integer"},
"reason":{"type":"string"},"operation":{"type":"integer","minimum":0},
"position":{"type":"integer","minimum":1}}})"},
};

}  // namespace

std::span<const OperationText> operation_texts() { return operations; }
std::span<const FieldText> field_texts() { return fields; }
std::span<const FieldText> parameter_texts() { return parameters; }
std::span<const SchemaText> schema_texts() { return schemas; }

}  // namespace api
