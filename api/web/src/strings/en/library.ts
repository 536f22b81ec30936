export const library = {
  sent: (action: string, text: string, exact: number) =>
    `${action}: ${text} ${exact === 1 ? 'picture is' : 'pictures are'} on the way`,
  looking: (text: string, exact: number) => `${text} ${exact === 1 ? 'picture' : 'pictures'} will be described`,
}
