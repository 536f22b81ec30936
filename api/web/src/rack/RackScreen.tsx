export default function RackScreen() {
  return null
}
