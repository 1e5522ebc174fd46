// DuckDB's C API with owners and Results. The only header that shows it.
// Owns:    what it opened.
// Threads: a Database may be shared; Connection, Statement and Rows belong to one thread at a time.
// Fails:   Errc::io with DuckDB's own message, Errc::full, Errc::corrupt when the database refuses to go on.
#pragma once

#include <hinomi/base/file.hpp>
#include <hinomi/base/time.hpp>

#include <duckdb.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hinomi::store::inside {

base::Error duck_error(std::string_view doing, const char* message);

// Reads rows one after the other.
class Rows {
 public:
  explicit Rows(duckdb_result result) : result_(result) {}
  ~Rows();
  Rows(Rows&& other) noexcept;
  Rows& operator=(Rows&&) = delete;
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  base::Result<bool> next();  // false at the end
  [[nodiscard]] bool is_null(idx_t column) const;
  [[nodiscard]] std::string_view text(idx_t column) const;  // VARCHAR or BLOB; valid until next()
  [[nodiscard]] std::uint64_t number(idx_t column) const;   // UBIGINT
  [[nodiscard]] std::int64_t integer(idx_t column) const;   // BIGINT, TIMESTAMP_NS
  [[nodiscard]] bool boolean(idx_t column) const;
  [[nodiscard]] std::vector<std::string> list(idx_t column) const;  // of VARCHAR or BLOB
  [[nodiscard]] base::Time time(idx_t column) const { return {integer(column)}; }

 private:
  void drop_chunk();
  duckdb_result result_;
  bool owned_ = true;
  duckdb_data_chunk chunk_ = nullptr;
  idx_t size_ = 0;
  idx_t row_ = 0;
  std::vector<duckdb_vector> vectors_;
  std::vector<void*> data_;
  std::vector<std::uint64_t*> validity_;
};

class Statement {
 public:
  explicit Statement(duckdb_prepared_statement statement) : statement_(statement) {}
  ~Statement();
  Statement(Statement&& other) noexcept : statement_(other.statement_), next_(other.next_) {
    other.statement_ = nullptr;
  }
  Statement& operator=(Statement&&) = delete;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Each binds the next parameter.
  Statement& text(std::string_view value);
  Statement& blob(std::string_view value);
  Statement& number(std::uint64_t value);
  Statement& time(base::Time value);
  Statement& null();
  Statement& texts(const std::vector<std::string>& values);  // VARCHAR[]
  base::Result<Rows> run();
  base::Result<Rows> stream();  // rows are made while they are read; nothing else may run on the connection meanwhile

 private:
  duckdb_prepared_statement statement_;
  idx_t next_ = 1;
  bool bad_ = false;
};

class Connection {
 public:
  Connection(std::shared_ptr<class Database> database, duckdb_connection connection)
      : database_(std::move(database)), connection_(connection) {}
  ~Connection();
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&&) = delete;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  base::Status run(const std::string& sql);
  base::Result<Statement> prepare(const std::string& sql);
  base::Result<Rows> query(const std::string& sql);  // without values
  [[nodiscard]] duckdb_connection handle() { return connection_; }

 private:
  std::shared_ptr<Database> database_;
  duckdb_connection connection_;
};

class Database : public std::enable_shared_from_this<Database> {
 public:
  static base::Result<std::shared_ptr<Database>> open(const base::fs::path& file, unsigned memory_mebibytes,
                                                      unsigned threads);
  explicit Database(duckdb_database database) : database_(database) {}
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  base::Result<Connection> connect();

 private:
  duckdb_database database_;
};

}  // namespace hinomi::store::inside
