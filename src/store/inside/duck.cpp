#include <hinomi/store/inside/duck.hpp>

#include <fmt/core.h>

#include <utility>

namespace hinomi::store::inside {

base::Error duck_error(std::string_view doing, const char* message) {
  const std::string_view text = message != nullptr ? message : "no reason given";
  base::Errc code = base::Errc::io;
  if (text.find("No space left") != text.npos || text.find("File too large") != text.npos) code = base::Errc::full;
  if (text.find("invalidated") != text.npos || text.find("FATAL") != text.npos) code = base::Errc::corrupt;
  return {code, fmt::format("{}: {}", doing, text)};
}

// --- Rows ---

Rows::~Rows() {
  drop_chunk();
  if (owned_) duckdb_destroy_result(&result_);
}

Rows::Rows(Rows&& other) noexcept
    : result_(other.result_),
      owned_(std::exchange(other.owned_, false)),
      chunk_(std::exchange(other.chunk_, nullptr)),
      size_(other.size_),
      row_(other.row_),
      vectors_(std::move(other.vectors_)),
      data_(std::move(other.data_)),
      validity_(std::move(other.validity_)) {}

void Rows::drop_chunk() {
  if (chunk_ != nullptr) duckdb_destroy_data_chunk(&chunk_);
  chunk_ = nullptr;
}

base::Result<bool> Rows::next() {
  if (chunk_ != nullptr && ++row_ < size_) return true;
  while (true) {
    drop_chunk();
    chunk_ = duckdb_fetch_chunk(result_);
    if (chunk_ == nullptr) {
      const char* message = duckdb_result_error(&result_);
      if (message != nullptr && *message != '\0') return base::fail(duck_error("reading the store", message));
      return false;
    }
    size_ = duckdb_data_chunk_get_size(chunk_);
    if (size_ == 0) return false;
    row_ = 0;
    const idx_t columns = duckdb_data_chunk_get_column_count(chunk_);
    vectors_.resize(columns);
    data_.resize(columns);
    validity_.resize(columns);
    for (idx_t i = 0; i < columns; ++i) {
      vectors_[i] = duckdb_data_chunk_get_vector(chunk_, i);
      data_[i] = duckdb_vector_get_data(vectors_[i]);
      validity_[i] = duckdb_vector_get_validity(vectors_[i]);
    }
    return true;
  }
}

namespace {
bool valid(const std::uint64_t* validity, idx_t row) {
  return validity == nullptr || ((validity[row / 64] >> (row % 64)) & 1U) != 0;
}
std::string_view view_of(duckdb_string_t& text) { return {duckdb_string_t_data(&text), duckdb_string_t_length(text)}; }
}  // namespace

bool Rows::is_null(idx_t column) const { return !valid(validity_[column], row_); }
std::string_view Rows::text(idx_t column) const {
  if (is_null(column)) return {};
  return view_of(static_cast<duckdb_string_t*>(data_[column])[row_]);
}
std::uint64_t Rows::number(idx_t column) const {
  return is_null(column) ? 0 : static_cast<const std::uint64_t*>(data_[column])[row_];
}
std::int64_t Rows::integer(idx_t column) const {
  return is_null(column) ? 0 : static_cast<const std::int64_t*>(data_[column])[row_];
}
bool Rows::boolean(idx_t column) const { return !is_null(column) && static_cast<const bool*>(data_[column])[row_]; }

std::vector<std::string> Rows::list(idx_t column) const {
  std::vector<std::string> out;
  if (is_null(column)) return out;
  const duckdb_list_entry entry = static_cast<const duckdb_list_entry*>(data_[column])[row_];
  auto* items = static_cast<duckdb_string_t*>(duckdb_vector_get_data(duckdb_list_vector_get_child(vectors_[column])));
  out.reserve(entry.length);
  for (idx_t i = 0; i < entry.length; ++i) out.emplace_back(view_of(items[entry.offset + i]));
  return out;
}

// --- Statement ---

Statement::~Statement() {
  if (statement_ != nullptr) duckdb_destroy_prepare(&statement_);
}
Statement& Statement::text(std::string_view value) {
  bad_ |= duckdb_bind_varchar_length(statement_, next_++, value.data(), value.size()) == DuckDBError;
  return *this;
}
Statement& Statement::blob(std::string_view value) {
  bad_ |= duckdb_bind_blob(statement_, next_++, value.data(), value.size()) == DuckDBError;
  return *this;
}
Statement& Statement::number(std::uint64_t value) {
  bad_ |= duckdb_bind_uint64(statement_, next_++, value) == DuckDBError;
  return *this;
}
Statement& Statement::time(base::Time value) {
  duckdb_value bound = duckdb_create_timestamp_ns({value.nanoseconds});
  bad_ |= duckdb_bind_value(statement_, next_++, bound) == DuckDBError;
  duckdb_destroy_value(&bound);
  return *this;
}
Statement& Statement::null() {
  bad_ |= duckdb_bind_null(statement_, next_++) == DuckDBError;
  return *this;
}
Statement& Statement::texts(const std::vector<std::string>& values) {
  std::vector<duckdb_value> items;
  items.reserve(values.size() + 1);  // the pointer to an empty list must not be null
  for (const std::string& value : values) items.push_back(duckdb_create_varchar_length(value.data(), value.size()));
  duckdb_logical_type type = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
  duckdb_value list = duckdb_create_list_value(type, items.data(), items.size());
  bad_ |= duckdb_bind_value(statement_, next_++, list) == DuckDBError;
  duckdb_destroy_value(&list);
  duckdb_destroy_logical_type(&type);
  for (duckdb_value& item : items) duckdb_destroy_value(&item);
  return *this;
}

base::Result<Rows> Statement::run() {
  next_ = 1;
  if (std::exchange(bad_, false))
    return base::fail(base::Errc::invalid_argument, "the store refused a value of the question");
  duckdb_result result;
  const duckdb_state state = duckdb_execute_prepared(statement_, &result);
  if (state == DuckDBSuccess) return Rows(result);
  base::Error error = duck_error("store", duckdb_result_error(&result));
  duckdb_destroy_result(&result);
  return base::fail(std::move(error));
}

base::Result<Rows> Statement::stream() {
  next_ = 1;
  if (std::exchange(bad_, false))
    return base::fail(base::Errc::invalid_argument, "the store refused a value of the question");
  duckdb_pending_result pending = nullptr;
  if (duckdb_pending_prepared_streaming(statement_, &pending) == DuckDBError) {
    base::Error error = duck_error("store", duckdb_pending_error(pending));
    duckdb_destroy_pending(&pending);
    return base::fail(std::move(error));
  }
  duckdb_result result;
  const duckdb_state state = duckdb_execute_pending(pending, &result);
  duckdb_destroy_pending(&pending);
  if (state == DuckDBSuccess) return Rows(result);
  base::Error error = duck_error("store", duckdb_result_error(&result));
  duckdb_destroy_result(&result);
  return base::fail(std::move(error));
}

// --- Connection, Database ---

Connection::Connection(Connection&& other) noexcept
    : database_(std::move(other.database_)), connection_(std::exchange(other.connection_, nullptr)) {}
Connection::~Connection() {
  if (connection_ != nullptr) duckdb_disconnect(&connection_);
}

base::Status Connection::run(const std::string& sql) {
  duckdb_result result;
  const duckdb_state state = duckdb_query(connection_, sql.c_str(), &result);
  base::Status status;
  if (state == DuckDBError) status = base::fail(duck_error("store", duckdb_result_error(&result)));
  duckdb_destroy_result(&result);
  return status;
}

base::Result<Statement> Connection::prepare(const std::string& sql) {
  duckdb_prepared_statement statement = nullptr;
  if (duckdb_prepare(connection_, sql.c_str(), &statement) == DuckDBSuccess) return Statement(statement);
  base::Error error = duck_error("store: preparing a statement", duckdb_prepare_error(statement));
  duckdb_destroy_prepare(&statement);
  return base::fail(std::move(error));
}

base::Result<Rows> Connection::query(const std::string& sql) {
  auto statement = TRY(prepare(sql));
  return statement.run();
}

base::Result<std::shared_ptr<Database>> Database::open(const base::fs::path& file, unsigned memory_mebibytes,
                                                       unsigned threads) {
  duckdb_config config = nullptr;
  if (duckdb_create_config(&config) == DuckDBError) return base::fail(base::Errc::internal, "DuckDB: no configuration");
  const auto set = [&](const char* name, const std::string& value) { duckdb_set_config(config, name, value.c_str()); };
  set("memory_limit", fmt::format("{}MiB", memory_mebibytes));
  set("threads", std::to_string(threads));
  set("temp_directory", (file.parent_path() / "temporary").string());
  set("autoinstall_known_extensions", "false");
  set("autoload_known_extensions", "false");
  set("allow_community_extensions", "false");
  set("preserve_insertion_order", "true");
  duckdb_database database = nullptr;
  char* message = nullptr;
  const duckdb_state state = duckdb_open_ext(file.c_str(), &database, config, &message);
  duckdb_destroy_config(&config);
  if (state == DuckDBError) {
    base::Error error = duck_error(fmt::format("opening {}", file.string()), message);
    duckdb_free(message);
    return base::fail(std::move(error));
  }
  auto out = std::make_shared<Database>(database);
  auto connection = TRY(out->connect());
  TRY_VOID(connection.run("PRAGMA disable_checkpoint_on_shutdown"));
  return out;
}

Database::~Database() { duckdb_close(&database_); }

base::Result<Connection> Database::connect() {
  duckdb_connection connection = nullptr;
  if (duckdb_connect(database_, &connection) == DuckDBError) return base::fail(base::Errc::io, "DuckDB: no connection");
  return Connection(shared_from_this(), connection);
}

}  // namespace hinomi::store::inside
