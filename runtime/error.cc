#include "runtime/error.h"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

namespace corelane::runtime {

namespace error = boost::asio::error;
namespace errc = boost::system::errc;

namespace {

error_code Generic(errc::errc_t e) { return error_code(e, boost::system::system_category()); }

}  // namespace

error_code ToErrorCode(tcp::Error e) {
  switch (e) {
    case tcp::Error::kNone:
      return {};
    case tcp::Error::kRefused:
      return error::connection_refused;
    case tcp::Error::kReset:
      return error::connection_reset;
    case tcp::Error::kTimedOut:
      return error::timed_out;
    case tcp::Error::kUnreachable:
      return error::host_unreachable;
    case tcp::Error::kAborted:
      return error::connection_aborted;
  }
  return error::connection_aborted;
}

error_code ToErrorCode(stack::TcpSetupError e) {
  switch (e) {
    case stack::TcpSetupError::kNone:
      return {};
    case stack::TcpSetupError::kNoRoute:
      return error::network_unreachable;
    case stack::TcpSetupError::kAddressInUse:
      return error::address_in_use;
    case stack::TcpSetupError::kNoPort:
    case stack::TcpSetupError::kNotLocal:
      return Generic(errc::address_not_available);
    case stack::TcpSetupError::kInvalid:
      return error::invalid_argument;
    case stack::TcpSetupError::kOutOfSockets:
      return error::no_buffer_space;
  }
  return error::invalid_argument;
}

error_code ToErrorCode(udp::BindResult result) {
  switch (result) {
    case udp::BindResult::kOk:
      return {};
    case udp::BindResult::kAlreadyBound:
      return error::invalid_argument;
    case udp::BindResult::kAddressInUse:
      return error::address_in_use;
    case udp::BindResult::kNoPort:
    case udp::BindResult::kFamilyMismatch:
      return Generic(errc::address_not_available);
  }
  return error::invalid_argument;
}

error_code ToErrorCode(stack::UdpSendResult result) {
  switch (result) {
    case stack::UdpSendResult::kOk:
      return {};
    case stack::UdpSendResult::kNoRoute:
      return error::network_unreachable;
    case stack::UdpSendResult::kTooLong:
      return error::message_size;
    case stack::UdpSendResult::kNoBuffer:
      return error::no_buffer_space;
    case stack::UdpSendResult::kNotConnected:
      return Generic(errc::destination_address_required);
    case stack::UdpSendResult::kNoPort:
      return Generic(errc::address_not_available);
  }
  return error::invalid_argument;
}

error_code ToErrorCode(udp::UdpError e) {
  switch (e) {
    case udp::UdpError::kPortUnreachable:
    case udp::UdpError::kProtocolUnreachable:
      return error::connection_refused;
    case udp::UdpError::kHostUnreachable:
      return error::host_unreachable;
    case udp::UdpError::kNetworkUnreachable:
      return error::network_unreachable;
    case udp::UdpError::kProhibited:
      return error::access_denied;
    case udp::UdpError::kMessageTooBig:
      return error::message_size;
  }
  return error::connection_refused;
}

void ThrowOnError(const error_code& ec, const char* what) {
  if (ec) throw boost::system::system_error(ec, what);
}

}  // namespace corelane::runtime
