// Errors of the stack as the error codes that users of Asio know.

#ifndef CORELANE_RUNTIME_ERROR_H_
#define CORELANE_RUNTIME_ERROR_H_

#include <boost/system/error_code.hpp>

#include "stack/tcp_layer.h"
#include "stack/udp_layer.h"
#include "tcp/connection.h"
#include "udp/udp_socket.h"
#include "udp/udp_table.h"

namespace corelane::runtime {

using boost::system::error_code;

// Why a connection ended; kNone: no error.
error_code ToErrorCode(tcp::Error error);
// What kept a connection or a listener from being set up; kNone: no error.
error_code ToErrorCode(stack::TcpSetupError error);
error_code ToErrorCode(udp::BindResult result);
error_code ToErrorCode(stack::UdpSendResult result);
error_code ToErrorCode(udp::UdpError error);

// Throws boost::system::system_error unless ec is success.
void ThrowOnError(const error_code& ec, const char* what);

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_ERROR_H_
