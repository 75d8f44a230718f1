const socket = new WebSocket('wss://api.your-mediavault-instance.com/realtime');
// Authenticate
socket.send(JSON.stringify({
type: 'auth',
token: 'your.jwt.token'
}));
// Subscribe to events
socket.send(JSON.stringify({
type: 'subscribe',
channel: 'media_updates',
resource_id: 'media_123'
}));
// Handle messages
socket.onmessage = (event) => {
console.log('Update:', JSON.parse(event.data));
};
